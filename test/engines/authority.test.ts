import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findPort } from '../../scripts/lib/postgres.ts'
import { startObservability } from '../../src/observability/observability.ts'
import {
  type AuthorityRequest,
  authorityRequests,
  missingTarget,
  type Target,
  targetOf,
} from '../support/authority/requests.ts'
import { type Rights, rights, withoutCredentials } from '../support/authority/rights.ts'
import {
  addClients,
  alice,
  type CallerName,
  clientCallers,
  createCallers,
  digestRows,
  putClient,
} from '../support/callers.ts'
import { readEvents } from '../support/event-stream.ts'
import { admin, useTestService } from '../support/service.ts'

/**
 * Who may do what, by every way in. Each request is sent by every kind of caller, about a session of alice that exists
 * and about one that does not.
 */
const service = useTestService({ keepsRows: true })
const callers = createCallers(service)
const callerNames = Object.keys(callers).filter(isCaller)
let observability: Awaited<ReturnType<typeof startObservability>>
beforeAll(async () => {
  await addClients(service)
  observability = await startObservability({ port: await findPort(), host: '127.0.0.1' }, { emit: service.emit })
})
afterAll(() => observability.stop())

function isCaller(name: string): name is CallerName {
  return name in callers
}

test('the table names every request', () => {
  const names = (table: Readonly<Record<string, object>>) =>
    Object.entries(table).map(([way, requests]) => [way, Object.keys(requests)])

  expect(names(rights)).toEqual(names(authorityRequests))
})

/** What a caller is answered: a status, `served`, or `nothing` where the answer is that of a thing that does not exist. */
type Verdict = 'served' | 'nothing' | number

function expectedVerdict(of: Rights, caller: CallerName): Verdict {
  if (of.may.includes(caller)) return 'served'
  if (of.seesNothing?.includes(caller)) return 'nothing'
  if (of.badRequest?.includes(caller)) return 400
  if (of.notFound?.includes(caller)) return 404
  return caller === 'anonymous' || withoutCredentials.includes(caller) ? 401 : 403
}

describe.each(Object.entries(rights))('%s', (way, requests) => {
  test.each(Object.entries(requests))('%s: who may not, changes nothing and learns nothing', async (name, of) => {
    const request = authorityRequests[way]?.[name]
    if (request === undefined) throw new Error(`There is no request ${name}`)
    const served = callerNames.filter((caller) => expectedVerdict(of, caller) === 'served')
    const refused = callerNames.filter((caller) => !served.includes(caller))

    await expectRefused(request, refused, of)
    for (const caller of served) await expectServed(request, caller)
  })
})

/** Of all callers together, because the rows are compared only once: the callers' own tokens are issued before. */
async function expectRefused(request: AuthorityRequest, refused: readonly CallerName[], of: Rights): Promise<void> {
  const target = await createTarget()
  const asked = []
  for (const caller of refused) asked.push({ caller, authorization: await callers[caller]() })
  const before = await digestRows(service)

  for (const { caller, authorization } of asked) {
    const aboutExisting = await send(request, target, authorization)
    const aboutMissing = await send(request, missingTarget(), authorization)

    expect(aboutExisting.verdict, `${caller}: ${aboutExisting.text}`).toBe(expectedVerdict(of, caller))
    if (!of.learns?.includes(caller)) expect(aboutExisting, caller).toEqual(aboutMissing)
  }
  expect(await digestRows(service)).toEqual(before)
}

async function expectServed(request: AuthorityRequest, caller: CallerName): Promise<void> {
  const target = await createTarget(request.isIssuedToCaller ? caller : undefined)
  const authorization = await callers[caller]()
  const before = await digestRows(service)

  const { verdict, text } = await send(request, target, authorization)

  expect(verdict, `${caller}: ${text}`).toBe('served')
  const after = await digestRows(service)
  if (request.effect === 'ends' || request.effect === 'changes') expect(after, caller).not.toEqual(before)
  else expect(after, caller).toEqual(before)
  if (request.effect === 'ends') expect(await isOneEnded(target), caller).toBe(true)
}

async function isOneEnded({ accessToken, refreshToken }: Target): Promise<boolean> {
  const halves = await Promise.all([accessToken, refreshToken].map((token) => service.tokens.introspect(token, admin)))
  return halves.some(({ active }) => !active)
}

let targets = 0

/** A new session of alice and a revocation of another one, and clients to change. The caller may be who created it. */
async function createTarget(createdBy?: CallerName): Promise<Target> {
  const number = targets++
  const [clientId, disabledClientId, strongClientId] = [`c-${number}`, `d-${number}`, `s-${number}`]
  await putClient(service, clientId)
  await putClient(service, disabledClientId)
  await service.tokens.disableClient({ id: disabledClientId }, admin)
  await service.tokens.invalidate({ kind: 'client', clientId: disabledClientId }, admin)
  await putClient(service, strongClientId, 'create_token')
  const issuer = (createdBy && Object.entries(clientCallers).find(([name]) => name === createdBy)?.[1]) ?? clientId
  const ended = await service.tokens.issue({ owner: alice }, { ...admin, clientId })
  const { revision } = await service.tokens.invalidate({ kind: 'session', id: ended.session.id }, admin)
  const pair = await service.tokens.issue({ owner: alice }, { ...admin, clientId: issuer })
  return {
    ...targetOf(pair),
    endedSessionId: String(ended.session.id),
    revocationId: String(revision),
    realm: alice.realm,
    username: alice.username,
    clientId,
    disabledClientId,
    strongClientId,
    newClientId: `n-${number}`,
  }
}

interface Answer {
  readonly verdict: Verdict
  readonly text: string
  readonly headers: readonly (readonly [string, string])[]
}

async function send(request: AuthorityRequest, target: Target, authorization: string | undefined): Promise<Answer> {
  const sent = request.build(target)
  if (authorization !== undefined) sent.headers.set('authorization', authorization)
  const response = request.isForMetricsPort
    ? await fetch(observability.metricsUrl ?? '', { headers: sent.headers })
    : await service.handler(sent)
  // It names the request, whatever the answer is.
  const headers = [...response.headers].filter(([name]) => name !== 'x-request-id')
  if (response.headers.get('content-type')?.startsWith('text/event-stream')) {
    await readEvents(response).close()
    return { verdict: 'served', text: '', headers }
  }
  const text = await response.text()
  return { verdict: response.ok ? verdictOf(text, request) : response.status, text, headers }
}

/** A list of the caller's own things may be empty. */
function verdictOf(text: string, { effect }: AuthorityRequest): Verdict {
  const isNothing = emptyAnswers.some((empty) => empty.test(text))
  return isNothing && !(effect === 'lists' && text.includes('nodes')) ? 'nothing' : 'served'
}

/** The answers of GraphQL about what does not exist: null, an empty page, and the counts of an invalidation. */
const emptyAnswers = [
  /^\{"data":\{"\w+":(?:null|\[null\]|\{"nodes":\[\]\})\}\}$/,
  /^\{"data":\{"invalidateToken":\{"invalidatedTokens":0,"previouslyInvalidatedTokens":0,"revocation":null\}\}\}$/,
]
