import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { basic } from '../support/basic.ts'
import { type RunningService, startProcess } from '../support/process.ts'

const adminSecret = 'a-secret-for-attacks-of-32-characters'
const asAdmin = basic('admin', adminSecret)

/** The flags of `npm start`. */
const heapOfStart = '--max-old-space-size=256 --max-semi-space-size=16'

/** What an attack did to the service. */
export interface Effect {
  readonly attack: string
  /** How often each status was answered; `none` without an answer. */
  readonly answers: Readonly<Record<string, number>>
  /** The most memory during the attack, above that of the idle service. */
  readonly peakMegabytes: number
  /** Of an honest caller's requests during the attack. */
  readonly probe: Probe
  /** The process has ended: no attack comes after this one. */
  readonly hasDied: boolean
}

interface AttackOptions {
  readonly scale: number
  /** Only these attacks. */
  readonly only?: (attack: string) => boolean
  readonly onEffect?: (effect: Effect) => void
}

/** For the control: what a setting limits, has no limit. */
export const withoutLimits = {
  MAX_QUERY_COST: '1000000',
  RATE_LIMIT_FAILURES: '0',
  RATE_LIMIT_ANONYMOUS: '0',
  RATE_LIMIT_OWNER: '0',
} as const

interface Probe {
  readonly sent: number
  readonly failed: number
  readonly p99Ms: number
}

interface Target {
  readonly url: string
  /** Access tokens of an owner with two logins, and of one with a hundred. */
  readonly few: string
  readonly many: string
  /** The sessions of the second. */
  readonly sessions: readonly string[]
  /** Access tokens of forty owners. */
  readonly crowd: readonly string[]
  /** The access token of an honest caller. */
  readonly honest: string
}

/** `scale` multiplies how much is sent. */
type Attack = (target: Target, scale: number) => Promise<readonly (number | 'none')[]>

const nested = (levels: number, first = '') =>
  `{ mySessions${first} { nodes { ${`owner { sessions${first} { nodes { `.repeat(levels)} id ${'}'.repeat(3 * levels)} } } }`

/** What an audit killed the service with, or made it unusable. */
const attacks: Readonly<Record<string, Attack>> = {
  'none: the service at rest': async () => {
    await sleep(5_000)
    return []
  },
  'documents of comments, compressed': async ({ url }, scale) => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
    return each(141 * scale, 8, (index) => {
      const query = `#${index}\n${'#\n'.repeat(21_500)}{__typename}`
      return send(url, { method: 'POST', headers, body: gzipSync(JSON.stringify({ query })) })
    })
  },
  'lists within lists, 24 levels, by an owner of two logins': ({ url, few }, scale) =>
    each(5 * scale, 5, () => ask(url, nested(24), `Bearer ${few}`)),
  'lists within lists, three levels, by an owner of a hundred logins': ({ url, many }, scale) =>
    each(5 * scale, 5, () => ask(url, nested(2, '(first: 95)'), `Bearer ${many}`)),
  'the dearest operations that are allowed': ({ url, many }, scale) =>
    each(10 * scale, 5, () => ask(url, nested(1, '(first: 97)'), `Bearer ${many}`)),
  'pages that are not read': async ({ url }, scale) => {
    const head = `GET /graphql HTTP/1.1\r\nHost: ${new URL(url).host}\r\nAccept: text/html\r\nAccept-Encoding: gzip\r\n\r\n`
    return hold(url, 150 * scale, () => head)
  },
  'entities, 2,000 in one request': ({ url, sessions }, scale) => {
    const query =
      'query ($of: [_Any!]!) { _entities(representations: $of) { ... on TokenSession { id username device { label } } } }'
    const of = Array.from({ length: 2_000 }, (_, at) => ({
      __typename: 'TokenSession',
      id: sessions[at % sessions.length],
    }))
    return each(5 * scale, 5, () => ask(url, query, asAdmin, { of }))
  },
  'wrong secrets': ({ url }, scale) =>
    each(300 * scale, 16, () => ask(url, '{ __typename }', basic('admin', 'not-the-secret-but-of-32-characters'))),
  'streams of one owner, all at once': ({ url, crowd }, scale) => openStreams(url, crowd.slice(0, 1), 2_000 * scale),
  'streams of forty owners, all at once': ({ url, crowd }, scale) => openStreams(url, crowd, 2_000 * scale),
  'half of the headers': ({ url }, scale) =>
    hold(url, 200 * scale, () => 'POST /graphql HTTP/1.1\r\nHost: a\r\nX-Slow: '),
}

function openStreams(url: string, tokens: readonly string[], count: number): Promise<readonly (number | 'none')[]> {
  const body = JSON.stringify({ query: 'subscription { tokenInvalidated { id } }' })
  const head = (token: string) =>
    `POST /graphql HTTP/1.1\r\nHost: ${new URL(url).host}\r\nAuthorization: Bearer ${token}\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  return hold(url, count, (index) => head(tokens[index % tokens.length] ?? ''))
}

/** Runs every attack against one process of the service, as `npm start` runs it, and measures it. */
export async function runAttacks(
  environment: Readonly<Record<string, string>>,
  { scale, only = () => true, onEffect }: AttackOptions,
): Promise<readonly Effect[]> {
  const service = await startProcess({ ...environment, ADMIN_SECRET: adminSecret, NODE_OPTIONS: heapOfStart })
  const effects: Effect[] = []
  try {
    const target = await prepare(service.url)
    for (const [attack, run] of Object.entries(attacks).filter(([name]) => only(name))) {
      const effect = await measure(service, { attack, target }, () => run(target, scale))
      effects.push(effect)
      onEffect?.(effect)
      if (effect.hasDied) break
    }
  } finally {
    await service.end()
  }
  return effects
}

async function prepare(url: string): Promise<Target> {
  const login = async (username: string) => {
    const query = `mutation { createTokenPair(input: { realmName: "r", username: "${username}" }) { accessToken session { id } } }`
    const response = await post(url, query, asAdmin)
    const { data } = await response.json()
    return data.createTokenPair
  }
  const few = [await login('few'), await login('few')]
  const many = await Promise.all(Array.from({ length: 100 }, () => login('many')))
  const crowd = await Promise.all(Array.from({ length: 40 }, (_, index) => login(`crowd-${index}`)))
  const honest = await login('honest')
  return {
    url,
    few: few[0].accessToken,
    many: many[0].accessToken,
    sessions: many.map(({ session }) => session.id),
    crowd: crowd.map(({ accessToken }) => accessToken),
    honest: honest.accessToken,
  }
}

async function measure(
  { process: child }: RunningService,
  { attack, target }: { readonly attack: string; readonly target: Target },
  run: () => Promise<readonly (number | 'none')[]>,
): Promise<Effect> {
  const pid = child.pid ?? 0
  const idle = await readMegabytes(pid, 'VmRSS')
  // Forgets the highest value so far (Linux: proc(5), clear_refs).
  await writeFile(`/proc/${pid}/clear_refs`, '5')
  const endProbe = startProbe(target)
  const found = await run()
  const probe = await endProbe()
  const answers: Record<string, number> = {}
  for (const status of found) answers[status] = (answers[status] ?? 0) + 1
  // A process that has ended is no longer listed.
  const peak = await readMegabytes(pid, 'VmHWM').catch(() => undefined)
  const hasDied = peak === undefined || child.exitCode !== null || child.signalCode !== null
  return { attack, answers, peakMegabytes: (peak ?? Number.NaN) - idle, probe, hasDied }
}

async function readMegabytes(pid: number, name: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]) / 1024)
}

/** Starts an honest caller. Answers the function that ends it and tells what it met. */
function startProbe({ url, honest }: Target): () => Promise<Probe> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('probe.mjs', import.meta.url))], {
    env: { PROBE_URL: url, PROBE_TOKEN: honest },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const printed = text(child.stdout)
  return async () => {
    child.stdin.end()
    return JSON.parse(await printed)
  }
}

function post(url: string, query: string, authorization: string, variables?: object): Promise<Response> {
  const headers = { 'content-type': 'application/json', authorization }
  return fetch(url, {
    method: 'POST',
    headers,
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(30_000),
  })
}

function ask(url: string, query: string, authorization: string, variables?: object): Promise<number | 'none'> {
  return statusOf(() => post(url, query, authorization, variables))
}

function send(url: string, init: RequestInit): Promise<number | 'none'> {
  return statusOf(() => fetch(url, { ...init, signal: AbortSignal.timeout(30_000) }))
}

async function statusOf(run: () => Promise<Response>): Promise<number | 'none'> {
  try {
    const response = await run()
    await response.arrayBuffer()
    return response.status
  } catch {
    return 'none'
  }
}

/** Runs `run` so many times, so many at a time. */
async function each<Answer>(times: number, atOnce: number, run: (index: number) => Promise<Answer>): Promise<Answer[]> {
  const answers: Answer[] = []
  let next = 0
  const work = async () => {
    while (next < times) answers.push(await run(next++))
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return answers
}

/** Opens connections that send this and then do nothing for 3 s. Answers the status of each, if one was sent. */
async function hold(
  url: string,
  connections: number,
  bytesOf: (index: number) => string,
): Promise<readonly (number | 'none')[]> {
  const { port, hostname } = new URL(url)
  const open = async (index: number) => {
    const socket = connect(Number(port), hostname)
    socket.on('error', () => undefined)
    await Promise.race([once(socket, 'connect'), once(socket, 'close')])
    socket.write(bytesOf(index))
    return socket
  }
  const sockets = await each(connections, 100, open)
  await sleep(3_000)
  const found = await Promise.all(sockets.map(readStatus))
  for (const socket of sockets) socket.destroy()
  return found
}

/** Reads the first bytes only now: until here, the client has read nothing. */
async function readStatus(socket: Socket): Promise<number | 'none'> {
  const bytes = socket.destroyed
    ? null
    : await Promise.race([once(socket, 'data').then(([data]) => data), sleep(1_000)])
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(String(bytes))?.[1]) || 'none'
}
