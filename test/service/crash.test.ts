import { afterEach, expect, test } from 'vitest'
import { type PostgresSettings, type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { until } from '../../scripts/lib/processes.ts'
import type { InvalidationTarget } from '../../src/tokens/invalidate.ts'
import type { Contestant } from '../races/contestant.ts'
import { type HttpContestant, startContestant } from '../races/http.ts'

/** `CRASHES=50 npx vitest run test/service/crash.test.ts` crashes so often, and shows that the test can fail. */
const chosenCrashes = process.env['CRASHES']
const crashes = Number(chosenCrashes ?? 1)
const timeoutMs = 120_000 + crashes * 10_000

let postgres: RunningPostgres
let databaseUrl: string
async function openDatabase(settings: PostgresSettings): Promise<void> {
  postgres = await startPostgres({ settings })
  databaseUrl = await postgres.createDatabase('crash')
}
afterEach(() => postgres.stop())

const durable = { fsync: 'on', synchronous_commit: 'on' }
/** Acknowledges before the log is on disk, and leaves it in memory for as long as it can. */
const careless = { fsync: 'off', synchronous_commit: 'off', wal_writer_delay: '10s' }

/** A token to end; access and refresh tokens alike. */
type Target = Extract<InvalidationTarget, { readonly token: string }>

/** What became of the load: a request without a plain answer may have ended its token, or not. */
interface Journal {
  readonly acknowledged: Target[]
  readonly unknown: Target[]
  readonly untouched: Target[]
}

const workers = 16
/** Far more than are ended before the crash is there, or no request would be under way. */
const pairs = 500

async function issueTargets(contestant: Contestant): Promise<Target[]> {
  const issue = () => contestant.issue({ realm: 'staff', username: 'alice' })
  const issued = await Promise.all(Array.from({ length: pairs }, issue))
  return issued.flatMap(({ access, refresh }): Target[] => [
    { kind: 'access-token', token: access },
    { kind: 'refresh-token', token: refresh },
  ])
}

/** Sixteen at once end tokens until `crash`, which comes when so many were acknowledged, has left each without an answer. */
async function endUnderCrash(contestant: Contestant, crash: () => Promise<unknown>): Promise<Journal> {
  const journal: Journal = { acknowledged: [], unknown: [], untouched: await issueTargets(contestant) }
  const crashAfter = 40 + Math.floor(Math.random() * 100)
  const work = async (): Promise<void> => {
    for (let target = journal.untouched.pop(); target !== undefined; target = journal.untouched.pop()) {
      const counts = await contestant.invalidate(target).catch(() => undefined)
      if (counts === undefined) return void journal.unknown.push(target)
      expect(counts).toEqual({ invalidated: 1, previouslyInvalidated: 0 })
      journal.acknowledged.push(target)
    }
  }
  const crashed = until(() => journal.acknowledged.length >= crashAfter).then(crash)
  await Promise.all([...Array.from({ length: workers }, work), crashed])

  expect(journal.acknowledged.length).toBeGreaterThanOrEqual(crashAfter)
  expect(journal.unknown.length).toBeGreaterThan(0)
  return journal
}

/** Nothing that was acknowledged is lost; what is unknown was done wholly or not at all, and a repeat finishes it. */
async function expectNothingLost(contestant: Contestant, { acknowledged, unknown, untouched }: Journal): Promise<void> {
  const repeat = async (target: Target) => {
    const wasActive = await contestant.isActive(target.token)
    const counts = await contestant.invalidate(target)
    return `${wasActive ? 'active' : 'inactive'}, then ${counts?.invalidated}/${counts?.previouslyInvalidated}`
  }
  const repeatAll = async (targets: readonly Target[]) => new Set(await Promise.all(targets.map(repeat)))

  expect(await repeatAll(acknowledged)).toEqual(new Set(['inactive, then 0/1']))
  for (const outcome of await repeatAll(unknown)) expect(['inactive, then 0/1', 'active, then 1/0']).toContain(outcome)
  expect(await repeatAll(unknown)).toEqual(new Set(['inactive, then 0/1']))
  const next = untouched.slice(0, workers)
  expect(await repeatAll(next)).toEqual(new Set(next.length > 0 ? ['active, then 1/0'] : []))
}

test('kill -9 of the service under load loses no acknowledged invalidation, and what is unknown is safe to repeat', {
  timeout: timeoutMs,
}, async () => {
  await openDatabase(durable)
  let contestant: HttpContestant = await startContestant(databaseUrl)

  for (let crash = 0; crash < crashes; crash++) {
    const { service } = contestant
    const journal = await endUnderCrash(contestant, () => service.end('SIGKILL'))
    contestant = await startContestant(databaseUrl)
    await expectNothingLost(contestant, journal)
  }

  await contestant.service.end()
})

test('kill -9 of Postgres under load loses no acknowledged invalidation, and the service goes on by itself', {
  timeout: timeoutMs,
}, async () => {
  await openDatabase(durable)
  const contestant = await startContestant(databaseUrl)

  for (let crash = 0; crash < crashes; crash++) {
    const journal = await endUnderCrash(contestant, () => postgres.kill())
    await postgres.restart()
    await expectNothingLost(contestant, journal)
  }

  await contestant.service.end()
})

test.runIf(chosenCrashes !== undefined)('a server that acknowledges before its log is on disk is caught', async () => {
  await openDatabase(careless)
  const contestant = await startContestant(databaseUrl)
  const journal = await endUnderCrash(contestant, () => postgres.kill())
  await postgres.restart()

  await expect(expectNothingLost(contestant, journal)).rejects.toThrow('inactive, then 0/1')

  await contestant.service.end()
})
