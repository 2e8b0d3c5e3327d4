import type { EmitEvent } from '../events/events.ts'

/** What a policy may know of a request. Its body is not read yet. */
export interface RequestFacts {
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** The value of a header, by its name in lower case. */
  header(name: string): string | undefined
}

/** A whole answer: the request goes no further. */
export interface Refusal {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * A policy for all requests, of every route and of none: answers undefined to admit the request. It is asked once for
 * each request, before the request is routed. It must answer at once, and should know which paths it must not refuse
 * (`/health`, `/ready`). What it throws is the event `unexpected_error`, and its request is refused with status 500.
 */
export type Admit = (request: RequestFacts) => Refusal | undefined

/** Makes sure that a policy answers: a request that it could not judge is refused. */
export function guardAdmission(admit: Admit, emit: EmitEvent): Admit {
  return (request) => {
    try {
      return admit(request)
    } catch (error) {
      emit({ name: 'unexpected_error', error })
      return failed
    }
  }
}

const failed: Refusal = {
  status: 500,
  headers: { 'content-type': 'application/json' },
  body: '{"message":"Unexpected error."}',
}
