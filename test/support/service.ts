import { openAsBlob } from 'node:fs'
import { PGlite } from '@electric-sql/pglite'
import { sql } from 'drizzle-orm'
import pg from 'pg'
import { inject } from 'vitest'
import type { EmitEvent, ServiceEvent } from '../../src/events/events.ts'
import { createHandler, type Handler } from '../../src/http/handler.ts'
import { createClientStore } from '../../src/storage/client-store.ts'
import type { Database } from '../../src/storage/engine/database.ts'
import { embeddedDatabase } from '../../src/storage/engine/embedded.ts'
import { openDatabase } from '../../src/storage/engine/open.ts'
import { createRevocationLog } from '../../src/storage/revocation-log.ts'
import { createTokenStore } from '../../src/storage/token-store.ts'
import type { ClientCaller } from '../../src/tokens/caller.ts'
import { adminScopes, digestClientSecret } from '../../src/tokens/clients.ts'
import type { Lifetimes } from '../../src/tokens/pair.ts'
import { createTokens, type Tokens } from '../../src/tokens/tokens.ts'

export type EngineSource =
  | { readonly kind: 'pglite'; readonly path: string }
  | { readonly kind: 'postgres'; readonly url: string; readonly template: string }

declare module 'vitest' {
  interface ProvidedContext {
    engine: EngineSource
  }
}

/** A clock that only the test moves. */
export interface TestClock {
  now(): Date
  advance(seconds: number): void
}

/** All of the service but its port, on an engine of the test file's own. */
export interface TestService {
  readonly database: Database
  /** Only for Postgres: where a second process would connect. */
  readonly url: string | undefined
  readonly clock: TestClock
  readonly tokens: Tokens
  readonly handler: Handler
  /** The events of this service, from all its parts. */
  readonly reports: ServiceEvent[]
  /** Another instance of the service on the same database, as a second process has it. */
  another(lifetimes?: Partial<Lifetimes>): Tokens
  /** Empties all tables. */
  clear(): Promise<void>
  close(): Promise<void>
}

export const admin: ClientCaller = { kind: 'client', clientId: 'admin', scopes: adminScopes }
export const adminSecret = 'a-secret-for-tests-of-32-characters'
export const asAdmin = `Basic ${Buffer.from(`admin:${adminSecret}`).toString('base64')}`

const lifetimes: Lifetimes = { accessTokenSeconds: 1200, refreshTokenSeconds: 86_400, refreshGraceSeconds: 30 }

export async function openTestService(): Promise<TestService> {
  const source = inject('engine')
  const reports: ServiceEvent[] = []
  const emit = (event: ServiceEvent) => void reports.push(event)
  const { database, url, drop } =
    source.kind === 'pglite' ? await openPglite(source.path, emit) : await openCopy(source, emit)
  const clock = createTestClock()
  const clients = createClientStore(database)
  const another = (changed: Partial<Lifetimes> = {}) =>
    createTokens({
      store: createTokenStore(database),
      log: createRevocationLog(database),
      clients,
      lifetimes: { ...lifetimes, ...changed },
      clock: clock.now,
      emit,
    })
  const tokens = another()
  const handler = createHandler({ tokens, assertReady: database.ping, emit })
  const clear = async () => {
    await database.db.execute(
      sql`truncate token_pairs, spent_refresh_tokens, revocations, forgotten_revocations, clients`,
    )
    await clients.putClient({ id: 'admin', secretDigest: digestClientSecret(adminSecret), scopes: adminScopes })
    reports.length = 0
  }
  await clear()
  const close = async () => {
    await database.close()
    await drop()
  }
  return { database, url, clock, tokens, handler, reports, another, clear, close }
}

function createTestClock(): TestClock {
  let now = Date.parse('2026-11-21T09:00:00Z')
  return {
    now: () => new Date(now),
    advance: (seconds) => {
      now += seconds * 1000
    },
  }
}

interface Opened {
  readonly database: Database
  readonly url: string | undefined
  drop(): Promise<void>
}

async function openPglite(path: string, emit: EmitEvent): Promise<Opened> {
  const engine = await PGlite.create({ loadDataDir: await openAsBlob(path) })
  const database = embeddedDatabase(engine, { description: 'PGlite in memory', emit, release: async () => {} })
  return { database, url: undefined, drop: async () => {} }
}

async function openCopy(
  { url, template }: { readonly url: string; readonly template: string },
  emit: EmitEvent,
): Promise<Opened> {
  const name = `test_${process.pid}_${Date.now()}_${Math.floor(Math.random() * 1e6)}`
  await administer(url, `create database ${name} template ${template}`)
  const copy = new URL(url)
  copy.pathname = `/${name}`
  const database = await openDatabase({ kind: 'postgres', url: copy.href, directUrl: copy.href }, { emit })
  return { database, url: copy.href, drop: () => administer(url, `drop database if exists ${name} with (force)`) }
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

/** A GraphQL answer, loosely: tests say what they expect of it. */
export interface GraphqlAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects, and fails when it is not there
  readonly data: any
  readonly errors: readonly { readonly message: string; readonly extensions: { readonly code: string } }[] | undefined
}

export async function ask(
  handler: Handler,
  query: string,
  options: { readonly variables?: unknown; readonly authorization?: string; readonly accept?: string } = {},
): Promise<GraphqlAnswer> {
  const { variables, authorization, accept = 'application/graphql-response+json' } = options
  const response = await handler(
    new Request('http://localhost/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept, ...(authorization !== undefined && { authorization }) },
      body: JSON.stringify({ query, variables }),
    }),
  )
  const text = await response.text()
  const { data, errors } = JSON.parse(text)
  return { status: response.status, headers: response.headers, text, data, errors }
}
