import { afterEach, describe, expect, it, vi } from 'vitest'
import { observeNothing } from '../../src/events/observer.ts'
import { createBatcher } from '../../src/storage/batch.ts'

/** A batcher whose statements end when the test ends them. */
function openBatcher(concurrency: number) {
  const statements: { readonly members: readonly number[]; end(error?: Error): void }[] = []
  const ask = createBatcher<number, string>(
    (members) =>
      new Promise((resolve, reject) => {
        const answers = members.map((member) => `answer ${member}`)
        statements.push({ members, end: (error) => (error ? reject(error) : resolve(answers)) })
      }),
    { name: 'find', observer: observeNothing, concurrency },
  )
  return { statements, askAll: (from: number, count: number) => numbers(from, count).map(ask) }
}

function numbers(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index)
}

/** Waits for one turn of the event loop, in which the batcher sends what it can. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

describe('batching', () => {
  it('sends a single request at once, and gives each member its own answer', async () => {
    const { statements, askAll } = openBatcher(1)
    const first = askAll(0, 1)
    await nextTurn()
    const others = askAll(1, 3)
    await nextTurn()
    expect(statements.map(({ members }) => members)).toEqual([[0]])

    statements[0]?.end()
    await nextTurn()
    expect(statements.map(({ members }) => members)).toEqual([[0], [1, 2, 3]])
    statements[1]?.end()
    expect(await Promise.all([...first, ...others])).toEqual(numbers(0, 4).map((member) => `answer ${member}`))
  })

  it('fails the members of a failed statement and no other', async () => {
    const { statements, askAll } = openBatcher(1)
    const [failing] = askAll(0, 1)
    await nextTurn()
    const [later] = askAll(1, 1)
    statements[0]?.end(new Error('the database is gone'))
    await expect(failing).rejects.toThrow('the database is gone')
    await nextTurn()
    statements[1]?.end()
    expect(await later).toBe('answer 1')
  })

  it('splits many concurrent requests over two statements, but not a few', async () => {
    const many = openBatcher(2)
    void many.askAll(0, 64)
    await nextTurn()
    expect(many.statements.map(({ members }) => members.length)).toEqual([32, 32])

    const few = openBatcher(2)
    void few.askAll(0, 10)
    await nextTurn()
    void few.askAll(10, 5)
    await nextTurn()
    expect(few.statements.map(({ members }) => members.length)).toEqual([10])
  })

  it('sends the second statement for as many requests as are in flight, and never a third', async () => {
    const { statements, askAll } = openBatcher(2)
    void askAll(0, 20)
    await nextTurn()
    expect(statements.map(({ members }) => members.length)).toEqual([16])
    void askAll(20, 12)
    await nextTurn()
    expect(statements.map(({ members }) => members.length)).toEqual([16, 16])
    void askAll(32, 100)
    await nextTurn()
    expect(statements).toHaveLength(2)
  })

  it('never sends a statement with more than 256 members', async () => {
    const { statements, askAll } = openBatcher(1)
    const answers = askAll(0, 300)
    await nextTurn()
    statements[0]?.end()
    await nextTurn()
    statements[1]?.end()
    await Promise.all(answers)
    expect(statements.map(({ members }) => members.length)).toEqual([256, 44])
  })

  afterEach(() => void vi.useRealTimers())

  it('refuses, and does not send, what had to wait for so long that its caller has been answered', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const { statements, askAll } = openBatcher(1)
    const first = askAll(0, 1)
    await nextTurn()
    const overdue = askAll(1, 2)
    vi.advanceTimersByTime(4_000)
    const inTime = askAll(3, 1)
    vi.advanceTimersByTime(1_001)

    statements[0]?.end()

    await expect(Promise.all(first)).resolves.toEqual(['answer 0'])
    for (const one of overdue) await expect(one).rejects.toMatchObject({ code: 'ERR_STORAGE_UNAVAILABLE' })
    await nextTurn()
    statements[1]?.end()
    await expect(Promise.all(inTime)).resolves.toEqual(['answer 3'])
    expect(statements.map(({ members }) => members)).toEqual([[0], [3]])
  })
})
