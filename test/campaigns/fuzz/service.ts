import { inspect } from 'node:util'
import { sql } from 'drizzle-orm'
import type { ServiceEvent } from '../../../src/events/events.ts'
import { contextOfRequest } from '../../../src/http/request-context.ts'
import { createRoutes, type Routes } from '../../../src/http/routes.ts'
import { createClientStore } from '../../../src/storage/client-store.ts'
import type { Database } from '../../../src/storage/engine/database.ts'
import { createRevocationLog } from '../../../src/storage/revocation-log.ts'
import { createTokenStore } from '../../../src/storage/token-store.ts'
import type { ClientCaller } from '../../../src/tokens/caller.ts'
import { adminScopes, digestClientSecret, mintClientSecret } from '../../../src/tokens/clients.ts'
import { mintSecrets } from '../../../src/tokens/token.ts'
import { createTokens } from '../../../src/tokens/tokens.ts'
import { basic } from '../../support/basic.ts'
import type { CallerName, FuzzRequest, Table, Tokens } from './input.ts'

export interface FuzzAnswer {
  readonly status: number
  /** Headers, body, and what is kept for the access line. */
  readonly text: string
  readonly body: string
}

export type Send = (request: FuzzRequest) => Promise<FuzzAnswer>

/** The service under test, and what the oracle reads of it. */
export interface FuzzService {
  /** Answers as the server does: by the fast path where it accepts the request, otherwise by the routes. */
  readonly send: Send
  readonly events: ServiceEvent[]
  readonly tokens: Tokens
  /** What must never come back: a part of each token and secret that only a whole one has. */
  secrets(): readonly string[]
  authorizationOf(caller: CallerName): string | undefined
  /** A digest of each table. */
  state(): Promise<Readonly<Record<Table, string>>>
  /** Whether all sessions of the owner that no input concerns are live, as a caller sees them. */
  innocentsLive(): Promise<boolean>
  /** Logs in whom an input with the right to it has ended. */
  renew(): Promise<void>
  /** Ends the innocents without the right to it: for a control. */
  breakIn(): Promise<void>
}

/** The tokens of now: those that an input has ended are replaced. */
interface Held extends Tokens {
  access: string
  refresh: string
  innocent: string
}

const clients: Readonly<Partial<Record<CallerName, readonly string[]>>> = {
  'client none': [],
  'client introspect': ['introspect_token'],
  'client create': ['create_token'],
  'client manage': ['manage_token'],
  'client clients': ['manage_clients'],
  'client all': adminScopes,
}
const secretOf = (id: string) => `the-secret-of-${id}-of-32-characters`
const idOf = (caller: string) => caller.replace(' ', '-')
const login: ClientCaller = { kind: 'client', clientId: 'login', scopes: ['create_token'] }
const unlimited = { failures: 0, anonymous: 0, owner: 0, client: 0 }
const chosenSecret = 'somebody-chose-this-secret-of-43-characters'

/** Prepares clients and sessions in an empty database. Its clock must not end access tokens while inputs are sent. */
export async function openFuzzService(database: Database): Promise<FuzzService> {
  const events: ServiceEvent[] = []
  const emit = (event: ServiceEvent) => void events.push(event)
  const store = createClientStore(database)
  const tokens = createTokens({
    store: createTokenStore(database),
    log: createRevocationLog(database),
    clients: store,
    lifetimes: { accessTokenSeconds: 3_600, refreshTokenSeconds: 86_400, refreshGraceSeconds: 30 },
    clock: database.time.now,
    emit,
  })
  const routes = createRoutes({
    tokens,
    assertReady: database.ping,
    emit,
    rateLimits: unlimited,
    maxStreams: 1e6,
    maxStreamsPerCaller: 1e6,
  })
  const planted = mintSecrets()
  const key = { slot: 3, id: 2 ** 40 }
  const expiry = new Date(database.time.now().getTime() + 3_600_000)
  const held: Held = {
    access: '',
    refresh: '',
    innocent: '',
    plantedAccess: planted.accessToken(key, expiry),
    plantedRefresh: planted.refreshToken(key, expiry),
    plantedSecret: mintClientSecret(),
    chosenSecret,
  }
  const put = (id: string, scopes: readonly string[]) =>
    store.putClient({ id, secretDigest: digestClientSecret(secretOf(id)), scopes })
  const issue = (name: string) => tokens.issue({ owner: { realm: name, username: name } }, login)
  const isLive = async (token: string) =>
    (await tokens.introspect(token, { kind: 'client', clientId: idOf('client all'), scopes: adminScopes })).active
  const renew = async () => {
    // Whoever has the right may delete a client, and its id is never given again.
    await database.db.execute(sql`delete from clients where deleted_at is not null`)
    for (const [caller, scopes] of Object.entries(clients)) await put(idOf(caller), scopes)
    await put('login', login.scopes)
    if (!(held.access && (await isLive(held.access)) && (await isLive(held.refresh)))) {
      const pair = await issue('mallory')
      held.access = pair.accessToken
      held.refresh = pair.refresh?.token ?? ''
    }
    if (!(held.innocent && (await isLive(held.innocent)))) held.innocent = (await issue('innocent')).accessToken
  }
  await renew()
  const read = prepareState(database)
  return {
    events,
    tokens: held,
    renew,
    send: (request) => sendAsServer(routes, request),
    secrets: () => secretsOf(held),
    authorizationOf: (caller) => authorizationOf(caller, held),
    state: async () => {
      const [state = unread] = await read.execute()
      return state
    },
    innocentsLive: () => isLive(held.innocent),
    breakIn: async () => {
      await tokens.invalidate({ kind: 'access-token', token: held.innocent }, { kind: 'anonymous' })
    },
  }
}

function authorizationOf(caller: CallerName, tokens: Tokens): string | undefined {
  switch (caller) {
    case 'anonymous':
      return undefined
    case 'a wrong secret':
      return basic('client-all', chosenSecret)
    case 'an unknown token':
      return `Bearer ${tokens.plantedAccess}`
    case 'owner':
      return `Bearer ${tokens.access}`
    default:
      return basic(idOf(caller), secretOf(idOf(caller)))
  }
}

/** The middle of a token: a text that is cut there no longer gives the secret away. */
function secretsOf(held: Held): readonly string[] {
  const middle = (token: string) => token.slice(28, 52)
  return [
    ...[held.access, held.refresh, held.innocent, held.plantedAccess, held.plantedRefresh].map(middle),
    held.plantedSecret.slice(10, 40),
    held.chosenSecret,
    secretOf('client-all'),
  ]
}

const unread = { pairs: '', spent: '', revocations: '', clients: '' }

function prepareState({ db, statementName }: Database) {
  const countOf = (table: string) => sql<string>`${sql.raw(`(select count(*) from ${table})`)}::text`
  const digest = sql<string>`(select coalesce(md5(string_agg(concat(id, scopes, secret_digest, disabled_at), ',' order by id)), '') from clients)`
  return db
    .select({
      pairs: countOf('token_pairs').as('pairs'),
      spent: countOf('spent_refresh_tokens').as('spent'),
      revocations: countOf('revocations').as('revocations'),
      clients: digest.as('clients'),
    })
    .from(sql`(select 1) as one`)
    .prepare(statementName('fuzz_state'))
}

async function sendAsServer({ fastPath, answer }: Routes, request: FuzzRequest): Promise<FuzzAnswer> {
  const { method, path, headers, body = '' } = request
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
  const complete = { ...headers, 'content-length': String(bytes.byteLength) }
  const carriesBody = method !== 'GET' && method !== 'HEAD'
  const stop = new AbortController()
  const sent = new Request(`http://localhost${path}`, {
    method,
    headers: carriesBody ? complete : headers,
    body: carriesBody ? bytes : null,
    signal: stop.signal,
  })
  const context = contextOfRequest(sent)
  if (method === 'POST' && path === '/graphql' && fastPath.accepts(complete)) {
    const fast = await fastPath.answer(complete, bytes, context)
    if (fast !== undefined)
      return { status: fast.status, body: fast.body, text: inspectAll([fast.headers, context.findings]) + fast.body }
  }
  const response = await answer(sent, context)
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
  const text = isStream ? await readBegin(response, stop) : await response.text()
  return { status: response.status, body: text, text: inspectAll([[...response.headers], context.findings]) + text }
}

/** A stream has no end: what comes at once is read, then the client leaves. */
async function readBegin(response: Response, stop: AbortController): Promise<string> {
  const reader = response.body?.getReader()
  const wait = new Promise<undefined>((resolve) => setTimeout(resolve, 20))
  const part = await Promise.race([reader?.read(), wait])
  stop.abort()
  await reader?.cancel().catch(() => undefined)
  return new TextDecoder().decode(part?.value)
}

export function inspectAll(value: unknown): string {
  return inspect(value, {
    depth: 8,
    maxStringLength: null,
    maxArrayLength: null,
    breakLength: Number.POSITIVE_INFINITY,
  })
}
