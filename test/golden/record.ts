import { fileURLToPath } from 'node:url'
import type { Database, Db } from '../../src/storage/engine/database.ts'

interface RecordedStatement {
  readonly text: string
  /** What it is prepared as; undefined if it is built for each call. */
  readonly preparedName: string | undefined
  /** Below `src/`, as `storage/find.ts`. */
  readonly file: string
  /** What builds it there; undefined for a function without a name. */
  readonly builder: string | undefined
}

/** What is needed of drizzle's session: every statement passes through it as a text. */
interface Session {
  prepareQuery(query: { readonly sql: string }, fields: unknown, name: string | undefined, ...rest: unknown[]): unknown
  transaction(run: (db: Db) => Promise<unknown>, ...rest: unknown[]): Promise<unknown>
}

type OnStatement = (statement: RecordedStatement) => void

/** The same database; each statement that is built on it is reported, whether or not it is then sent. */
export function recordStatements(database: Database, onStatement: OnStatement): Database {
  const db = recordDb(database.db, onStatement)
  return { ...database, db, scanner: db, background: { scanner: db, cancel: () => {} } }
}

/**
 * `db.select` and its like read the session when they are called, so the stack then leads to the statement's builder.
 * When the statement is sent, it no longer does.
 */
function recordDb(db: Db, onStatement: OnStatement): Db {
  const session: Session = Reflect.get(db, 'session')
  return Object.create(db, { session: { get: () => recordSession(session, findOrigin(), onStatement) } })
}

function recordSession(session: Session, origin: Origin, onStatement: OnStatement): Session {
  const recorded: Session = Object.create(session)
  recorded.prepareQuery = (query, fields, name, ...rest) => {
    onStatement({ text: query.sql, preparedName: name, ...origin })
    return session.prepareQuery(query, fields, name, ...rest)
  }
  recorded.transaction = (run, ...rest) => session.transaction((db) => run(recordDb(db, onStatement)), ...rest)
  return recorded
}

type Origin = Pick<RecordedStatement, 'file' | 'builder'>

const source = fileURLToPath(new URL('../../src/', import.meta.url))

/**
 * The innermost frame of `src/` on the stack. Which functions wait for it is not looked at: the engines differ in which of
 * them the stack still shows.
 */
function findOrigin(): Origin {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 50
  const lines = (new Error().stack ?? '').split('\n')
  Error.stackTraceLimit = limit
  for (const line of lines) {
    const { name, path } = /^ +at (?:(?<name>.+) \()?(?:file:\/\/)?(?<path>[^()]+):\d+:\d+\)?$/.exec(line)?.groups ?? {}
    if (!path?.startsWith(source)) continue
    return { file: path.slice(source.length), builder: name?.includes('<anonymous>') ? undefined : name }
  }
  throw new Error('A statement was built outside of src/')
}
