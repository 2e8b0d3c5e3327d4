import { fileURLToPath } from 'node:url'
import type { Database, Db } from '../../src/storage/engine/database.ts'

export interface RecordedStatement {
  readonly text: string
  /** What it is prepared as; undefined if it is built for each call. */
  readonly preparedName: string | undefined
  /** Below `src/`, as `storage/find.ts`. */
  readonly file: string
  /** What builds it there; undefined for a function without a name. */
  readonly builder: string | undefined
}

/** What this test needs of drizzle's session: every statement passes through it as a text. */
interface Session {
  prepareQuery(query: { readonly sql: string }, fields: unknown, name: string | undefined, ...rest: unknown[]): unknown
}

/** The same database; each statement that is built on it is reported, whether or not it is then sent. */
export function recordStatements(database: Database, onStatement: (statement: RecordedStatement) => void): Database {
  const session: Session = Reflect.get(database.db, 'session')
  const recordFor = (origin: Origin): Session =>
    Object.create(session, {
      prepareQuery: {
        value: (...[query, fields, name, ...rest]: Parameters<Session['prepareQuery']>) => {
          onStatement({ text: query.sql, preparedName: name, ...origin })
          return session.prepareQuery(query, fields, name, ...rest)
        },
      },
    })
  // `db.select` and its like read the session when they are called, so the stack then leads to the statement's builder.
  // When the statement is sent, it no longer does.
  const db: Db = Object.create(database.db, { session: { get: () => recordFor(findOrigin()) } })
  return { ...database, db, walker: db, background: { walker: db, cancel: () => {} } }
}

type Origin = Pick<RecordedStatement, 'file' | 'builder'>

const source = fileURLToPath(new URL('../../src/', import.meta.url))

/** The innermost frame of `src/` on the stack, and the innermost function of that file that has a name. */
function findOrigin(): Origin {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 50
  const frames = (new Error().stack ?? '').split('\n').flatMap((line) => {
    const { name, path } =
      /^ +at (?:async )?(?:(?<name>.+) \()?(?:file:\/\/)?(?<path>[^()]+):\d+:\d+\)?$/.exec(line)?.groups ?? {}
    return path?.startsWith(source) ? [{ name, file: path.slice(source.length) }] : []
  })
  Error.stackTraceLimit = limit
  const file = frames[0]?.file
  if (file === undefined) throw new Error('A statement was built outside of src/')
  const named = frames.find(
    (frame) => frame.file === file && frame.name !== undefined && !/<anonymous>/.test(frame.name),
  )
  return { file, builder: named?.name?.replace(/^.*\./, '') }
}
