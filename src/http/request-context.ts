import { randomUUID } from 'node:crypto'

/** What is known of a request beside the request itself. Each way in passes it on to what it calls. */
export interface RequestContext {
  /** Names the request in logs and in its answer (`X-Request-Id`). */
  readonly id: string
  /** The address of the client. Undefined if the server did not say it, as a mounted handler's may not. */
  readonly address: string | undefined
  /** The origin by which the client has called, as a trusted proxy says. Undefined without one. */
  readonly origin: string | undefined
  /** Whether anybody still waits for the answer. */
  isAwaited(): boolean
  /** Aborts once nobody waits for the answer any more. Made when it is first read: few requests need it. */
  readonly signal: AbortSignal
  /** What was found out about the request so far, for its access line and for metrics. */
  readonly findings: Findings
}

/** Filled in while the request is answered. No text of the request is put here but names that were checked. */
interface Findings {
  /** The caller's label (`callerLabel`), once it has authenticated. */
  caller?: string
  /** The path of the route that answers it; undefined if there is none. */
  route?: string
  /** The name that the client gave to its GraphQL operation, if it can be shown. */
  operation?: string
}

export interface RequestOrigin {
  /** The header `X-Request-Id` that the client or its proxy sent. */
  readonly givenId?: string | undefined
  readonly address?: string | undefined
  readonly origin?: string | undefined
  isAwaited(): boolean
  /** Called at most once. */
  openSignal(): AbortSignal
}

/** Requests of one server process have different ids, unless their clients choose equal ones. */
export function createRequestContext(given: RequestOrigin): RequestContext {
  return new OpenedContext(given)
}

/** A class, because each request makes one: an object with a getter of its own takes several times as long to make. */
class OpenedContext implements RequestContext {
  readonly id: string
  readonly address: string | undefined
  readonly origin: string | undefined
  readonly findings: Findings = {}
  readonly #given: RequestOrigin
  #signal: AbortSignal | undefined

  constructor(given: RequestOrigin) {
    const { givenId } = given
    this.id = givenId !== undefined && idForm.test(givenId) ? givenId : randomUUID()
    this.address = given.address
    this.origin = given.origin
    this.#given = given
  }

  isAwaited(): boolean {
    return this.#given.isAwaited()
  }

  get signal(): AbortSignal {
    this.#signal ??= this.#given.openSignal()
    return this.#signal
  }
}

/** What proxies and trace systems send. Anything else could forge a line of a log, so it is replaced. */
const idForm = /^[\w.:/+=-]{1,128}$/

/** Answers a request, whatever happens. */
export type RouteHandler = (request: Request, context: RequestContext) => Promise<Response>

/** The context of a request that no server of ours has received. */
export function contextOfRequest({ headers, signal }: Request, address?: string): RequestContext {
  return createRequestContext({
    givenId: headers.get('x-request-id') ?? undefined,
    address,
    isAwaited: () => !signal.aborted,
    openSignal: () => signal,
  })
}
