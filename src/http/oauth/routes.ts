import type { Tokens } from '../../tokens/tokens.ts'
import { answering } from './answer.ts'
import { authenticateCaller, type FormRequest } from './caller.ts'
import { type Form, readForm } from './form.ts'
import { revokeGlobally } from './global-revocation.ts'
import { introspect } from './introspect.ts'
import { describeServer } from './metadata.ts'
import { refresh } from './refresh.ts'
import { revoke } from './revoke.ts'

export interface OAuthDependencies {
  readonly tokens: Tokens
  /** Our own issuer identifier: an origin. Without it each request's own. */
  readonly publicUrl?: string | undefined
  /** Told about everything unexpected, and about a database that is gone; nothing in it is shown to a caller. */
  readonly report: (error: unknown) => void
}

type Handler = (request: Request) => Promise<Response>

/** What is asked in OAuth's words and answered in them. The words stay in this folder. */
export interface OAuthRoutes {
  readonly revoke: Handler
  readonly introspect: Handler
  readonly refresh: Handler
  readonly revokeGlobally: Handler
  readonly describeServer: Handler
  /** For the routes that any page may call: `revoke`, `refresh`, `describeServer`. */
  readonly preflight: Handler
}

export function createOAuthRoutes({ tokens, publicUrl, report }: OAuthDependencies): OAuthRoutes {
  const issuerOf = (request: Request) => publicUrl ?? new URL(request.url).origin
  const withForm = (answer: (tokens: Tokens, request: FormRequest) => Promise<Response>): Handler =>
    answering(async (request) => {
      const form = await readForm(request)
      const caller = await authenticateCaller(tokens, request, form)
      return answer(tokens, { form, caller, issuer: issuerOf(request) })
    }, report)

  return {
    revoke: forAnyPage(withForm(revoke)),
    refresh: forAnyPage(withForm(refresh)),
    describeServer: forAnyPage(async (request) => describeServer(issuerOf(request), publicUrl !== undefined)),
    preflight: forAnyPage(async () => allow()),
    introspect: withForm(introspect),
    revokeGlobally: answering(async (request) => {
      const caller = await authenticateCaller(tokens, request, noForm)
      return revokeGlobally(tokens, { request, caller, issuer: issuerOf(request) })
    }, report),
  }
}

const noForm: Form = new Map()

/** There is no cookie that a browser would add, so a page can do only what its tokens allow. */
function forAnyPage(answer: Handler): Handler {
  return async (request) => {
    const response = await answer(request)
    response.headers.set('access-control-allow-origin', '*')
    return response
  }
}

/** What a page may send beyond a plain form: its access token. */
function allow(): Response {
  const headers = {
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': 'authorization, content-type',
    'access-control-max-age': '86400',
  }
  return new Response(null, { status: 204, headers })
}
