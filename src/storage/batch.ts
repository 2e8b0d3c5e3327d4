/** A crowd smaller than this shares one statement: to split it would cost more than it gains. */
const fewestToSplit = 16
const mostMembers = 256

interface Waiting<Member, Answer> {
  readonly member: Member
  readonly resolve: (answer: Answer) => void
  readonly reject: (reason: unknown) => void
}

/**
 * Natural batching: while statements are in flight, whoever comes waits, and the next statement takes them all.
 *
 * A lone request is sent at once; a crowd shares a statement and its commit, which is where the speed is (a batch of
 * 64 costs Postgres about a seventh per row). No timer: nobody waits for a batch to fill.
 *
 * With two `lanes` a crowd is split in halves, so that this process reads and writes HTTP for one half while Postgres
 * works on the other. With one, each would wait for the other to finish.
 *
 * `run` must answer each member in order. If it throws, the members of that batch fail, and no other.
 */
export function createBatcher<Member, Answer>(
  run: (members: readonly Member[]) => Promise<readonly Answer[]>,
  lanes = 1,
): (member: Member) => Promise<Answer> {
  const waiting: Waiting<Member, Answer>[] = []
  let running = 0
  let inFlight = 0
  let isCalled = false

  return (member) =>
    new Promise((resolve, reject) => {
      waiting.push({ member, resolve, reject })
      callSend()
    })

  /** Everything that is asked for in this tick of the event loop may come along. */
  function callSend(): void {
    if (isCalled) return
    isCalled = true
    queueMicrotask(() => {
      isCalled = false
      while (isDue()) void send()
    })
  }

  function isDue(): boolean {
    if (waiting.length === 0) return false
    return running === 0 || (running < lanes && waiting.length >= Math.max(fewestToSplit, inFlight))
  }

  async function send(): Promise<void> {
    const share = Math.max(fewestToSplit, Math.ceil((waiting.length + inFlight) / lanes))
    const batch = waiting.splice(0, Math.min(share, mostMembers))
    running++
    inFlight += batch.length
    await answerAll(batch)
    running--
    inFlight -= batch.length
    callSend()
  }

  async function answerAll(batch: readonly Waiting<Member, Answer>[]): Promise<void> {
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

/** Asks what is the same only once: a request of 64 KB has room to ask the same thing a thousand times. */
export function askOnce<Question, Answer>(
  run: (questions: readonly Question[]) => Promise<readonly Answer[]>,
): (questions: readonly Question[]) => Promise<readonly Answer[]> {
  return async (questions) => {
    const places = new Map<string, number>()
    const distinct: Question[] = []
    const placeOf = questions.map((question) => {
      const key = JSON.stringify(question)
      const place = places.get(key) ?? distinct.push(question) - 1
      places.set(key, place)
      return place
    })
    const answers = await run(distinct)
    return placeOf.flatMap((place) => answers.slice(place, place + 1))
  }
}
