import { openAsBlob } from 'node:fs'
import { PGlite } from '@electric-sql/pglite'
import { sql } from 'drizzle-orm'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, inject } from 'vitest'
import type { EmitEvent, EventName, ServiceEvent } from '../../src/events/events.ts'
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
import { basic } from './basic.ts'

/** The migrated, empty database that the global set-up of a run provides. Each test file works on a copy of it. */
type MigratedDatabase =
  | { readonly kind: 'pglite'; readonly dumpFile: string }
  | { readonly kind: 'postgres'; readonly serverUrl: string; readonly template: string }

declare module 'vitest' {
  interface ProvidedContext {
    migratedDatabase: MigratedDatabase
  }
}

/** A clock that only the test moves. */
interface TestClock {
  now(): Date
  advance(seconds: number): void
}

/** The whole service without a network port, on a database that only this test file uses. */
export interface TestService {
  readonly database: Database
  /** The database's url, for a second connection; undefined on PGlite. */
  readonly url: string | undefined
  readonly clock: TestClock
  readonly tokens: Tokens
  readonly handler: Handler
  /** The events of this service, from all its parts. Not those that are about its callers: `aboutCallers`. */
  readonly reports: ServiceEvent[]
  /** Adds to `reports`. */
  readonly emit: EmitEvent
  /** Creates another instance of the service on the same database, as a second process has one. */
  another(lifetimes?: Partial<Lifetimes>): Tokens
  /** Empties all tables and `reports`, then adds the client `admin`. */
  clear(): Promise<void>
  close(): Promise<void>
}

export interface TestServiceOptions {
  /** A test finds the rows of the tests before it. Otherwise each test begins with empty tables. */
  readonly keepsRows?: boolean
}

/** What callers do wrong is an event, but no fault of the service. */
const aboutCallers: ReadonlySet<EventName> = new Set([
  'authentication_failed',
  'authority_refused',
  'rate_limited',
  'refresh_token_reused',
])

export const admin: ClientCaller = { kind: 'client', clientId: 'admin', scopes: adminScopes }
export const adminSecret = 'a-secret-for-tests-of-32-characters'
export const asAdmin = basic('admin', adminSecret)

const lifetimes: Lifetimes = { accessTokenSeconds: 1200, refreshTokenSeconds: 86_400, refreshGraceSeconds: 30 }

/**
 * Opens a service before the tests of a file and closes it after them.
 *
 * To be called at the top of the file. The members can be read once the tests run, not while they are collected.
 */
export function useTestService({ keepsRows = false }: TestServiceOptions = {}): TestService {
  let opened: TestService | undefined
  const service = (): TestService => {
    if (opened === undefined) throw new Error('The service is open only while the tests of its file run')
    return opened
  }
  beforeAll(async () => {
    opened = await openTestService()
  })
  if (!keepsRows) beforeEach(() => service().clear())
  afterAll(() => opened?.close())
  return {
    get database() {
      return service().database
    },
    get url() {
      return service().url
    },
    get clock() {
      return service().clock
    },
    get tokens() {
      return service().tokens
    },
    get handler() {
      return service().handler
    },
    get reports() {
      return service().reports
    },
    emit: (event) => service().emit(event),
    another: (changed) => service().another(changed),
    clear: () => service().clear(),
    close: () => service().close(),
  }
}

/** Opens a service on a copy of the migrated database. The caller closes it. */
export async function openTestService(): Promise<TestService> {
  const migrated = inject('migratedDatabase')
  const reports: ServiceEvent[] = []
  const emit = (event: ServiceEvent) => void (aboutCallers.has(event.name) || reports.push(event))
  const {
    database: opened,
    url,
    drop,
  } = await (migrated.kind === 'pglite' ? openPglite(migrated, emit) : openPostgres(migrated, emit))
  const clock = createTestClock()
  // The database's clock is the test's too: it shows what the caller of an issue says that it is.
  const database = { ...opened, clock: sql`asked.issued_at`, time: { now: clock.now, check: async () => true } }
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
      sql`truncate token_pairs, spent_refresh_tokens, revocations, forgotten_revocations, clients, failed_authentications`,
    )
    await clients.putClient({ id: 'admin', secretDigest: digestClientSecret(adminSecret), scopes: adminScopes })
    reports.length = 0
  }
  await clear()
  const close = async () => {
    await database.close()
    await drop()
  }
  return { database, url, clock, tokens, handler, reports, emit, another, clear, close }
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

interface OpenedDatabase {
  readonly database: Database
  readonly url: string | undefined
  drop(): Promise<void>
}

async function openPglite({ dumpFile }: { readonly dumpFile: string }, emit: EmitEvent): Promise<OpenedDatabase> {
  const engine = await PGlite.create({ loadDataDir: await openAsBlob(dumpFile) })
  const database = embeddedDatabase(engine, { description: 'PGlite in memory', emit, release: async () => {} })
  return { database, url: undefined, drop: async () => {} }
}

async function openPostgres(
  { serverUrl, template }: { readonly serverUrl: string; readonly template: string },
  emit: EmitEvent,
): Promise<OpenedDatabase> {
  const name = `test_${process.pid}_${Date.now()}_${Math.floor(Math.random() * 1e6)}`
  await runStatement(serverUrl, `create database ${name} template ${template}`)
  const copy = new URL(serverUrl)
  copy.pathname = `/${name}`
  const url = copy.href
  const database = await openDatabase({ kind: 'postgres', url, directUrl: url }, { emit })
  return { database, url, drop: () => runStatement(serverUrl, `drop database if exists ${name} with (force)`) }
}

async function runStatement(serverUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

/** A GraphQL answer, loosely typed: each test states what it expects. */
export interface GraphqlAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects, and fails if that is missing
  readonly data: any
  readonly errors: readonly { readonly message: string; readonly extensions: { readonly code: string } }[] | undefined
}

/** Sends a GraphQL request by POST and reads the answer. */
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
