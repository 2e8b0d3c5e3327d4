import { vi } from 'vitest'
import type { Database } from '../../src/storage/engine/database.ts'

export interface SentStatement {
  readonly text: string
  readonly parameters: readonly unknown[]
}

/**
 * What `run` sends to the database, outside of transactions.
 *
 * But the hint of an earlier commit: it goes out up to 20 ms after it, and is no part of what runs now.
 */
export async function statementsOf({ db }: Database, run: () => Promise<unknown>): Promise<readonly SentStatement[]> {
  const client: { query: (statement: string | { text: string }, parameters?: unknown[]) => unknown } = Reflect.get(
    db,
    '$client',
  )
  const spy = vi.spyOn(client, 'query')
  try {
    await run()
    return spy.mock.calls
      .map(([statement, parameters = []]) => ({
        text: typeof statement === 'string' ? statement : statement.text,
        parameters,
      }))
      .filter(({ text }) => !text.includes('pg_notify'))
  } finally {
    spy.mockRestore()
  }
}
