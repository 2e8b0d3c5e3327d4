import { vi } from 'vitest'

export interface SentStatement {
  readonly text: string
  readonly parameters: readonly unknown[]
}

/**
 * Runs `run` and answers the statements that it sends to the database outside of transactions.
 *
 * Notifications are left out: the one for an earlier commit is sent up to 20 ms later, so it may fall into this run.
 */
export async function statementsOf(
  { db }: { readonly db: object },
  run: () => Promise<unknown>,
): Promise<readonly SentStatement[]> {
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
