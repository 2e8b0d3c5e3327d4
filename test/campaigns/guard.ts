/**
 * The guard under faults: a guard in this process follows one service, tokens are invalidated at another, and what is
 * between them breaks. A token that was invalidated may be accepted until the guard's bound has passed and no longer,
 * and once all works again the guard knows of every token what the database says.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { startPostgres } from '../../scripts/lib/postgres.ts'
import { fromService } from '../../src/guard/from-service.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { createRandom, type Random } from '../races/random.ts'
import { type RunningService, startProcess } from '../support/process.ts'
import { startProxy } from '../support/proxy.ts'

export interface GuardCampaignOptions {
  readonly runs: number
  readonly seed: number
  /** The control: a guard that decides by what it knows however old that is. It must be caught. */
  readonly isControl: boolean
  /** Stop after the first run that finds a violation: enough for a control. */
  readonly stopsAtViolation?: boolean
  readonly onRun?: (tally: GuardTally) => void
}

export interface GuardTally {
  runs: number
  /** Invalidations whose answer arrived. */
  acknowledged: number
  /** Invalidations whose answer was lost. The database decides about them. */
  unknown: number
  checks: number
  /** Accepted longer after the answer than the guard's bound allows. */
  acceptedLate: number
  /** At the end of a run, the guard says something else than the database. */
  wrong: number
  readonly evidence: string[]
}

type Fault =
  | 'reset'
  | 'half open'
  | 'delayed'
  | 'database cut'
  | 'database delayed'
  | 'service stopped'
  | 'service killed'
  | 'sender killed'
  | 'event loop blocked'

const faults: readonly [Fault, ...Fault[]] = [
  'reset',
  'reset',
  'half open',
  'half open',
  'delayed',
  'database cut',
  'database delayed',
  'service stopped',
  'service killed',
  'sender killed',
  'event loop blocked',
]

/** The least that a guard takes: so that half of the faults last longer. */
const boundMs = 3_000
const tokensPerRun = 12

export async function playGuardCampaign(options: GuardCampaignOptions): Promise<GuardTally> {
  const random = createRandom(options.seed)
  const tally: GuardTally = { runs: 0, acknowledged: 0, unknown: 0, checks: 0, acceptedLate: 0, wrong: 0, evidence: [] }
  const rig = await openRig(options)
  try {
    for (; tally.runs < options.runs; tally.runs++) {
      await playRun(rig, random, tally)
      options.onRun?.(tally)
      if (options.stopsAtViolation === true && tally.evidence.length > 0) break
    }
  } finally {
    await rig.close()
  }
  return tally
}

type Rig = Awaited<ReturnType<typeof openRig>>

async function openRig({ isControl }: GuardCampaignOptions) {
  const postgres = await startPostgres()
  const url = await postgres.createDatabase('guard')
  const database = await startProxy(url)
  let sender = await startProcess({ DATABASE_URL: url })
  const { authorization = '' } = sender
  const senderPort = new URL(sender.url).port
  let service = await startProcess({ DATABASE_URL: database.url })
  const feed = await startProxy(service.url)
  const [clientId = '', secret = ''] = atob(authorization.slice('Basic '.length)).split(':')
  const guard = createGuard({
    source: fromService({ url: feed.url, clientId, secret }),
    maxStalenessMs: boundMs,
    ...(isControl && { whenStale: 'pass', passForMs: 600_000 }),
  })
  await guard.ready({ withinMs: 60_000 })

  return {
    guard,
    feed,
    database,
    get service() {
      return service
    },
    get sender() {
      return sender
    },
    /** On another port: its clients come through the proxy. */
    async restartService() {
      await service.end('SIGKILL')
      service = await startProcess({ DATABASE_URL: database.url })
      feed.retarget(service.url)
    },
    async restartSender() {
      await sender.end('SIGKILL')
      sender = await startProcess({ DATABASE_URL: url, PORT: senderPort })
    },
    ask: (query: string) => ask(sender, authorization, query),
    async close() {
      await guard.close()
      await Promise.all([service.end(), sender.end()])
      feed.close()
      database.close()
      await postgres.stop()
    },
  }
}

// biome-ignore lint/suspicious/noExplicitAny: a campaign reads what it expects, and fails when it is not there
async function ask({ url }: RunningService, authorization: string, query: string): Promise<any> {
  const headers = { 'content-type': 'application/json', authorization }
  const signal = AbortSignal.timeout(30_000)
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query }), signal })
  // biome-ignore lint/suspicious/noExplicitAny: the same
  const { data, errors }: any = await answer.json()
  if (data == null) throw new Error(JSON.stringify(errors))
  return data
}

/** Tokens are issued, known to the guard or not; a fault begins; some are invalidated; all are checked all the time. */
async function playRun(rig: Rig, random: Random, tally: GuardTally): Promise<void> {
  const tokens = await issue(rig)
  for (const token of tokens) if (random.below(4) > 0) await rig.guard.check(token)
  const fault = random.pick(faults)
  const answeredAt = new Map<string, number>()
  const watched = watch(rig, tokens, { fault, answeredAt, tally })
  const healing = breakIt(rig, fault, random)
  for (const token of tokens.slice(0, tokensPerRun / 2)) {
    await sleep(random.between(0, 60))
    await invalidate(rig, token).then(
      () => {
        answeredAt.set(token, performance.now())
        tally.acknowledged++
      },
      () => tally.unknown++,
    )
  }
  await healing
  await recover(rig)
  watched.stop()
  await compare(rig, tokens, { fault, tally })
}

async function issue({ ask }: Rig): Promise<readonly string[]> {
  const fields = Array.from(
    { length: tokensPerRun },
    (_, place) => `t${place}: createTokenPair(input: { realmName: "r", username: "u${place % 3}" }) { accessToken }`,
  )
  const pairs: Readonly<Record<string, { readonly accessToken: string }>> = await ask(
    `mutation { ${fields.join(' ')} }`,
  )
  return Object.values(pairs).map(({ accessToken }) => accessToken)
}

async function invalidate({ ask }: Rig, token: string): Promise<void> {
  await ask(`mutation { invalidateToken(input: { token: "${token}" }) { invalidatedTokens } }`)
}

interface Watched {
  readonly fault: Fault
  readonly answeredAt: ReadonlyMap<string, number>
  readonly tally: GuardTally
}

/** Checks every token again and again. What is judged is when the check began. */
function watch({ guard }: Rig, tokens: readonly string[], { fault, answeredAt, tally }: Watched) {
  let isOver = false
  const check = async (token: string) => {
    while (!isOver) {
      const checkedAt = performance.now()
      const { outcome } = await guard.check(token)
      tally.checks++
      const lateMs = checkedAt - (answeredAt.get(token) ?? Number.POSITIVE_INFINITY) - boundMs
      if (outcome === 'valid' && lateMs > 0) {
        tally.acceptedLate++
        tally.evidence.push(`run ${tally.runs}, ${fault}: accepted ${lateMs.toFixed(0)} ms after the bound`)
        return
      }
      await sleep(20)
    }
  }
  for (const token of tokens) void check(token)
  return {
    stop: () => {
      isOver = true
    },
  }
}

/** Begins a fault, and answers once it is over. */
async function breakIt(rig: Rig, fault: Fault, random: Random): Promise<void> {
  const { feed, database } = rig
  await sleep(random.between(0, 100))
  const lastsMs = random.between(50, 6_000)
  switch (fault) {
    case 'reset':
      feed.reset()
      return
    case 'half open':
      feed.cut()
      await sleep(lastsMs)
      return feed.heal()
    case 'delayed':
      feed.delay(lastsMs)
      await sleep(lastsMs)
      return feed.delay(0)
    case 'database cut':
      database.cut()
      await sleep(lastsMs)
      return database.heal()
    case 'database delayed':
      database.delay(lastsMs / 4)
      await sleep(lastsMs)
      return database.delay(0)
    case 'service stopped':
      rig.service.process.kill('SIGSTOP')
      await sleep(lastsMs)
      rig.service.process.kill('SIGCONT')
      return
    case 'service killed':
      return rig.restartService()
    case 'sender killed':
      await sleep(random.between(0, 200))
      return rig.restartSender()
    case 'event loop blocked': {
      const until = performance.now() + lastsMs
      while (performance.now() < until);
      return
    }
    default:
      return fault satisfies never
  }
}

/** Until the guard follows with what the service has read after the fault. */
async function recover({ guard, ask }: Rig): Promise<void> {
  const endsAt = performance.now() + 60_000
  const retry = async (isDone: () => Promise<boolean>) => {
    while (!(await isDone().catch(() => false))) {
      if (performance.now() > endsAt) throw new Error(`The guard did not recover: ${JSON.stringify(guard.status)}`)
      await sleep(20)
    }
  }
  await retry(async () => (await ask('{ __typename }')) !== undefined)
  const healedAt = performance.now()
  // What it knows is younger than the end of the fault.
  await retry(async () => guard.status.state === 'FOLLOWING' && guard.status.stalenessMs < performance.now() - healedAt)
}

/** The guard and the database must agree about each token. */
async function compare(
  { guard, ask }: Rig,
  tokens: readonly string[],
  { fault, tally }: Pick<Watched, 'fault' | 'tally'>,
): Promise<void> {
  for (const token of tokens) {
    const { introspectToken } = await ask(`{ introspectToken(token: "${token}") { active } }`)
    let { outcome } = await guard.check(token)
    // `fetch` may still keep connections that carry nothing, and tries each of them once.
    for (let tries = 0; outcome === 'unsure' && tries < 20; tries++) ({ outcome } = await guard.check(token))
    if (outcome === (introspectToken.active ? 'valid' : 'invalid')) continue
    tally.wrong++
    tally.evidence.push(`run ${tally.runs}, ${fault}: ${outcome}, and active is ${introspectToken.active}`)
  }
}
