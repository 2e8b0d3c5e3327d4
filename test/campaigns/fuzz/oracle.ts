import type { EventName } from '../../../src/events/events.ts'
import { type FuzzInput, type FuzzRequest, mayChange, mayEndOthers, type Table } from './input.ts'
import { type FuzzAnswer, type FuzzService, inspectAll, type Send } from './service.ts'

/** What callers do wrong is an event too; any other event is a fault of the service. */
const aboutCallers: ReadonlySet<EventName> = new Set([
  'authentication_failed',
  'authority_refused',
  'refresh_token_reused',
  'token_beyond_sequence',
])

interface Judgement {
  /** Undefined for a request that cannot be built: no client can send it. */
  readonly status: number | undefined
  readonly faults: readonly string[]
  readonly request: FuzzRequest
}

/** Sends one input and says what is wrong with the answer, and with what the service did. */
export type Judge = (input: FuzzInput) => Promise<Judgement>

const namesOfPrototypes = () => [Object.prototype, Array.prototype].flatMap((one) => Object.getOwnPropertyNames(one))

/** An honest caller asks after so many inputs. */
const probeEvery = 25

export function createJudge(service: FuzzService, send: Send = service.send): Judge {
  const namesAtStart = new Set(namesOfPrototypes())
  let sent = 0
  return async (input) => {
    service.events.length = 0
    const request = withCaller(input, service)
    const secrets = service.secrets()
    const before = await service.state()
    const answer = await tryToSend(send, request)
    if (answer === undefined) return { status: undefined, faults: [], request }
    const changed = await changesSince(before, service)
    const faults = [
      ...faultsOfAnswer(answer, secrets),
      ...faultsOfEvents(service, secrets),
      ...changed
        .filter((table) => !mayChange(input).includes(table))
        .map((table) => `changed ${table} without the right`),
      ...cleanPrototypes(namesAtStart),
    ]
    if (changed.length > 0) {
      if (!(mayEndOthers(input) || (await service.innocentsLive())))
        faults.push('ended the session of an innocent owner')
      await service.renew()
    }
    if (++sent % probeEvery === 0 && !(await isHonestServed(service, send))) faults.push('an honest caller was refused')
    return { status: answer.status, faults, request }
  }
}

function withCaller(input: FuzzInput, service: FuzzService): FuzzRequest {
  const request = input.request(service.tokens)
  const authorization = service.authorizationOf(input.caller)
  if (authorization === undefined || 'authorization' in request.headers) return request
  return { ...request, headers: { ...request.headers, authorization } }
}

/** Undefined if no request can be made of it, as of a header with a line break. */
async function tryToSend(send: Send, request: FuzzRequest): Promise<FuzzAnswer | undefined> {
  try {
    return await send(request)
  } catch (error) {
    if (error instanceof TypeError && /Headers|Request|ByteString|HTTP method/.test(String(error.stack)))
      return undefined
    return { status: 500, body: '', text: `thrown: ${inspectAll(error)}` }
  }
}

function faultsOfAnswer({ status, text }: FuzzAnswer, secrets: readonly string[]): readonly string[] {
  return [
    ...(status >= 500 ? [`answered ${status}`] : []),
    ...(/INTERNAL_SERVER_ERROR|Unexpected error/.test(text) ? ['answered an internal error'] : []),
    ...(secrets.some((secret) => text.includes(secret)) ? ['answered a secret'] : []),
  ]
}

function faultsOfEvents({ events }: FuzzService, secrets: readonly string[]): readonly string[] {
  const written = inspectAll(events)
  return [
    ...events.filter(({ name }) => !aboutCallers.has(name)).map(({ name }) => `reported ${name}`),
    ...(secrets.some((secret) => written.includes(secret)) ? ['reported a secret'] : []),
  ]
}

async function changesSince(before: Readonly<Record<Table, string>>, service: FuzzService): Promise<readonly Table[]> {
  const after = await service.state()
  return (['pairs', 'spent', 'revocations', 'clients'] as const).filter((table) => before[table] !== after[table])
}

/** Removes what was added, so that it is a fault of one input only. */
function cleanPrototypes(atStart: ReadonlySet<string>): readonly string[] {
  const added = namesOfPrototypes().filter((name) => !atStart.has(name))
  for (const name of added) Reflect.deleteProperty(Object.prototype, name)
  return added.map((name) => `added ${name} to a prototype`)
}

async function isHonestServed(service: FuzzService, send: Send): Promise<boolean> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${service.tokens.access}` }
  const body = JSON.stringify({ query: '{ currentToken { active } }' })
  const answer = await send({ method: 'POST', path: '/graphql', headers, body })
  return answer.status === 200 && answer.body === '{"data":{"currentToken":{"active":true}}}'
}
