import { type ChildProcess, fork } from 'node:child_process'
import { on, once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { VerifiedClaims } from '../../src/guard/api.ts'
import { readToken } from '../../src/tokens/token.ts'
import type { Contender, Sample } from '../contender.ts'
import { type BenchContext, lazy } from '../context.ts'
import { openConnection } from '../load/connection.ts'
import { summarise } from '../load/load.ts'
import { cpuMicros } from '../load/meter.ts'
import type { TokenDatabases } from '../ours/databases.ts'
import { invalidations, takeFrom } from '../ours/requests.ts'
import { realm } from '../ours/seed.ts'
import { adminCredentials, startService } from '../ours/service.ts'
import type { FromGateways, Setup } from './messages.ts'

/** Longer than what is notified within one rest goes together, so that each revocation comes alone. */
const restMs = 25

export interface Propagation {
  /** From the answer of one process to the refusal by guards that follow another one. */
  guards(count: number): Contender
  /** The same, but the service runs the document for each event and each guard. */
  generally(count: number): Contender
  /** A round trip to the database. */
  readonly selectOne: Contender
}

export function createPropagation(context: BenchContext, databases: TokenDatabases): Propagation {
  const opened = lazy(async () => {
    const database = await databases.create('guard', 10_000)
    const one = await startService(context, database.url)
    const other = await startService(context, database.url)
    return { ...database, one, other, take: takeFrom(database.accessTokens) }
  })
  const contender = (name: string, guards: number, isGeneral: boolean): Contender => {
    const gateways = async () => {
      const { origin } = (await opened()).other
      const url = new URL('/graphql', origin).href
      return startGateways({ ...adminCredentials, url, guards, isGeneral })
    }
    return { name, prepare: opened, run: async (seconds) => runRound(seconds, { ...(await opened()), gateways }) }
  }

  async function runRound(
    seconds: number,
    { one, other, take, gateways }: Awaited<ReturnType<typeof opened>> & { gateways: () => Promise<Gateways> },
  ): Promise<Sample> {
    const { guards, watch, close } = await gateways()
    const connection = await openConnection(one.origin)
    const tookMs: number[] = []
    const cpuBefore = cpuMicros(other.pid)
    const startedAt = performance.now()
    let token: string | undefined
    const requests = invalidations(one, () => token, 'anonymous')
    for (let revocations = 0; ; revocations++) {
      const elapsed = (performance.now() - startedAt) / 1000
      if (elapsed > seconds) {
        connection.close()
        // A heartbeat each second is a frame as well.
        const frames = (revocations + elapsed) * guards
        const { p50Ms, p99Ms } = summarise(tookMs, elapsed)
        const frameMicros = (cpuMicros(other.pid) - cpuBefore) / frames
        await close()
        return { p50Ms, p99Ms, frameMicros }
      }
      await sleep(restMs)
      token = take()
      const request = requests.next()
      if (token === undefined || request === undefined) throw new Error('There are no tokens left: more must be seeded')
      const { ended } = await watch(claimsOf(token))
      const answer = await connection.send(request)
      const answeredAt = process.hrtime.bigint()
      if (!requests.isExpected(answer)) throw new Error(`A wrong answer: ${answer.status} ${answer.body}`)
      // A guard may know before the caller does.
      for (const at of await ended) tookMs.push(Math.max(0, Number(at - answeredAt) / 1e6))
    }
  }

  return {
    guards: (count) => contender(`guard: refused by ${count} guards`, count, false),
    generally: (count) => contender(`guard: refused by ${count} guards, generally`, count, true),
    selectOne: {
      name: 'select 1',
      prepare: opened,
      run: async (seconds) => {
        const { client } = await opened()
        const tookMs: number[] = []
        const endsAt = performance.now() + seconds * 1000
        while (performance.now() < endsAt) {
          await sleep(restMs)
          const sentAt = performance.now()
          await client.query('select 1')
          tookMs.push(performance.now() - sentAt)
        }
        const { p50Ms, p99Ms } = summarise(tookMs, seconds)
        return { p50Ms, p99Ms }
      },
    },
  }
}

interface Gateways {
  readonly guards: number
  /** Answers once all guards watch the token. `ended`: when each one has refused it. */
  watch(claims: VerifiedClaims): Promise<{ readonly ended: Promise<readonly bigint[]> }>
  close(): Promise<void>
}

/** Ended after its round: it would take time from the others. */
async function startGateways(setup: Setup): Promise<Gateways> {
  const program = fileURLToPath(new URL('gateways.ts', import.meta.url))
  const child = fork(program, [JSON.stringify(setup)], { execArgv: ['--import', import.meta.resolve('tsx')] })
  const next = messagesOf(child)
  await next()
  return {
    guards: setup.guards,
    watch: async (claims) => {
      const watching = next()
      child.send({ claims })
      await watching
      const ended = next().then((message) => (typeof message === 'string' ? [] : message.endedAt.map(BigInt)))
      return { ended }
    },
    close: async () => {
      const ended = once(child, 'exit')
      child.disconnect()
      await ended
    },
  }
}

/** The messages of a process, each for one reader, in order. */
function messagesOf(child: ChildProcess): () => Promise<FromGateways> {
  const messages = on(child, 'message', { close: ['exit'] })
  return async () => {
    const { done, value } = await messages.next()
    if (done === true) throw new Error(`The process with the guards ended with ${child.exitCode}`)
    return value[0]
  }
}

/** What a signed token with the ids of this token would say: so a guard knows it without asking. */
function claimsOf(token: string): VerifiedClaims {
  const { id = 0 } = readToken(token) ?? {}
  const now = Math.floor(Date.now() / 1000)
  return {
    jti: String(id),
    sid: String(id),
    sub: `${realm}/user-${id % 200_000}`,
    client_id: 'bench',
    iat: now,
    exp: now + 3_600,
  }
}
