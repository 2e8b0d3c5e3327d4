/**
 * Natural batching: one statement in flight, and the next takes all that came meanwhile.
 *
 * A lone request is sent at once; a crowd shares a statement and its commit, which is where the speed is (a batch of
 * 64 costs Postgres about a seventh per row). No timer, so nobody waits for a batch to fill.
 *
 * `run` must answer each member in order. If it throws, the members of that batch fail, and no other.
 */
export function createBatcher<Member, Answer>(
  run: (members: readonly Member[]) => Promise<readonly Answer[]>,
  mostMembers = 256,
): (member: Member) => Promise<Answer> {
  interface Waiting {
    readonly member: Member
    readonly resolve: (answer: Answer) => void
    readonly reject: (reason: unknown) => void
  }
  const waiting: Waiting[] = []
  let isRunning = false

  return (member) =>
    new Promise((resolve, reject) => {
      waiting.push({ member, resolve, reject })
      if (!isRunning) void drain()
    })

  async function drain(): Promise<void> {
    isRunning = true
    // Everything that is asked for in this tick of the event loop may come along.
    await undefined
    while (waiting.length > 0) await answerAll(waiting.splice(0, mostMembers))
    isRunning = false
  }

  async function answerAll(batch: readonly Waiting[]): Promise<void> {
    try {
      const answers = await run(batch.map(({ member }) => member))
      for (const [place, { resolve, reject }] of batch.entries()) {
        const answer = answers[place]
        if (answer === undefined) reject(new Error(`No answer for member ${place} of a batch of ${batch.length}`))
        else resolve(answer)
      }
    } catch (reason) {
      for (const { reject } of batch) reject(reason)
    }
  }
}
