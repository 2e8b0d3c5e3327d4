import { afterEach, expect, test } from 'vitest'
import { type PostgresSettings, type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { until } from '../../scripts/lib/processes.ts'
import type { InvalidationTarget } from '../../src/tokens/invalidate.ts'
import { addClients, type HttpSubject, startSubject } from '../races/http.ts'
import type { Subject } from '../races/subject.ts'

/** `CRASHES=50 npx vitest run test/service/crash.test.ts` crashes 50 times, and also shows that the test can fail. */
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
/** Acknowledges before the log is on disk, and keeps the log in memory for as long as it can. */
const notDurable = { fsync: 'off', synchronous_commit: 'off', wal_writer_delay: '10s' }

/** An access or refresh token to end. */
type Target = Extract<InvalidationTarget, { readonly token: string }>

/** The tokens by what the load learned of them. A request without an answer may or may not have ended its token. */
interface Outcome {
  readonly acknowledged: Target[]
  readonly unanswered: Target[]
  readonly unsent: Target[]
}

const workers = 16
/** Far more than are ended before the crash; with fewer, no request would be in progress when it comes. */
const pairs = 500

async function issueTargets(subject: Subject): Promise<Target[]> {
  const issue = () => subject.issue({ realm: 'staff', username: 'alice', client: 'races-web' })
  const issued = await Promise.all(Array.from({ length: pairs }, issue))
  return issued.flatMap(({ access, refresh }): Target[] => [
    { kind: 'access-token', token: access },
    { kind: 'refresh-token', token: refresh },
  ])
}

/**
 * Sixteen concurrent workers end tokens, and each stops at its first request without an answer. `crash` is called once
 * a random number of invalidations, from 40 to 139, is acknowledged.
 */
async function endUnderCrash(subject: Subject, crash: () => Promise<unknown>): Promise<Outcome> {
  const outcome: Outcome = { acknowledged: [], unanswered: [], unsent: await issueTargets(subject) }
  const crashAfter = 40 + Math.floor(Math.random() * 100)
  const work = async (): Promise<void> => {
    for (let target = outcome.unsent.pop(); target !== undefined; target = outcome.unsent.pop()) {
      const counts = await subject.invalidate(target).catch(() => undefined)
      if (counts === undefined) return void outcome.unanswered.push(target)
      expect(counts).toEqual({ invalidated: 1, previouslyInvalidated: 0 })
      outcome.acknowledged.push(target)
    }
  }
  const crashed = until(() => outcome.acknowledged.length >= crashAfter).then(crash)
  await Promise.all([...Array.from({ length: workers }, work), crashed])

  expect(outcome.acknowledged.length).toBeGreaterThanOrEqual(crashAfter)
  expect(outcome.unanswered.length).toBeGreaterThan(0)
  return outcome
}

/** No acknowledged invalidation is lost. An unanswered one was done wholly or not at all, and a repeat completes it. */
async function expectNothingLost(subject: Subject, { acknowledged, unanswered, unsent }: Outcome): Promise<void> {
  const repeat = async (target: Target) => {
    const wasActive = await subject.isActive(target.token)
    const counts = await subject.invalidate(target)
    return `${wasActive ? 'active' : 'inactive'}, then ${counts?.invalidated}/${counts?.previouslyInvalidated}`
  }
  const repeatAll = async (targets: readonly Target[]) => new Set(await Promise.all(targets.map(repeat)))

  expect(await repeatAll(acknowledged)).toEqual(new Set(['inactive, then 0/1']))
  for (const answer of await repeatAll(unanswered)) expect(['inactive, then 0/1', 'active, then 1/0']).toContain(answer)
  expect(await repeatAll(unanswered)).toEqual(new Set(['inactive, then 0/1']))
  const next = unsent.slice(0, workers)
  expect(await repeatAll(next)).toEqual(new Set(next.length > 0 ? ['active, then 1/0'] : []))
}

test('kill -9 of the service under load loses no acknowledged invalidation, and one without an answer is safe to repeat', {
  timeout: timeoutMs,
}, async () => {
  await openDatabase(durable)
  let subject: HttpSubject = await startSubject(databaseUrl)
  await addClients(databaseUrl)

  for (let crash = 0; crash < crashes; crash++) {
    const { service } = subject
    const outcome = await endUnderCrash(subject, () => service.end('SIGKILL'))
    subject = await startSubject(databaseUrl)
    await expectNothingLost(subject, outcome)
  }

  await subject.service.end()
})

test('kill -9 of Postgres under load loses no acknowledged invalidation, and the service recovers by itself', {
  timeout: timeoutMs,
}, async () => {
  await openDatabase(durable)
  const subject = await startSubject(databaseUrl)
  await addClients(databaseUrl)

  for (let crash = 0; crash < crashes; crash++) {
    const outcome = await endUnderCrash(subject, () => postgres.kill())
    await postgres.restart()
    await expectNothingLost(subject, outcome)
  }

  await subject.service.end()
})

test.runIf(chosenCrashes !== undefined)('a server that acknowledges before its log is on disk is caught', async () => {
  await openDatabase(notDurable)
  const subject = await startSubject(databaseUrl)
  await addClients(databaseUrl)
  const outcome = await endUnderCrash(subject, () => postgres.kill())
  await postgres.restart()

  await expect(expectNothingLost(subject, outcome)).rejects.toThrow('inactive, then 0/1')

  await subject.service.end()
})
