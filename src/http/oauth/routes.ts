import type { EmitEvent } from '../../events/events.ts'
import type { Tokens } from '../../tokens/tokens.ts'
import { exposedHeaders } from '../answer-headers.ts'
import { type AllowedOrigins, isAllowedOrigin } from '../cors.ts'
import type { RateLimits } from '../rate-limits.ts'
import type { RequestContext, RouteHandler } from '../request-context.ts'
import { withErrorAnswers } from './answer.ts'
import { authenticateCaller, type FormRequest } from './caller.ts'
import { type Form, readForm } from './form.ts'
import { revokeGlobally } from './global-revocation.ts'
import { introspect } from './introspect.ts'
import { describeServer } from './metadata.ts'
import { refresh } from './refresh.ts'
import { revoke } from './revoke.ts'

export interface OAuthDependencies {
  readonly tokens: Tokens
  readonly limits: RateLimits
  /** Our issuer identifier: an origin. By default the origin of each request. */
  readonly publicUrl?: string | undefined
  /** Whose pages may call: any by default. */
  readonly corsOrigins?: AllowedOrigins | undefined
  readonly emit: EmitEvent
}

/** The routes whose requests and answers OAuth defines. OAuth's terms stay in this folder. */
export interface OAuthRoutes {
  readonly revoke: RouteHandler
  readonly introspect: RouteHandler
  readonly refresh: RouteHandler
  readonly revokeGlobally: RouteHandler
  readonly describeServer: RouteHandler
  /** For the routes that any page may call, by these methods: `revoke`, `refresh`, `describeServer`. */
  readonly preflight: (methods: string) => RouteHandler
}

export function createOAuthRoutes(dependencies: OAuthDependencies): OAuthRoutes {
  const { tokens, limits, publicUrl, corsOrigins = '*', emit } = dependencies
  const withCors = createCors(corsOrigins)
  const issuerOf = (request: Request, { origin }: RequestContext) => publicUrl ?? origin ?? new URL(request.url).origin
  const withForm = (answer: (tokens: Tokens, request: FormRequest) => Promise<Response>): RouteHandler =>
    withErrorAnswers(async (request, context) => {
      const form = await readForm(request)
      const caller = await authenticateCaller({ tokens, limits, context }, request, form)
      return answer(tokens, { form, caller, issuer: issuerOf(request, context) })
    }, emit)

  return {
    revoke: withCors(withForm(revoke)),
    refresh: withCors(withForm(refresh)),
    describeServer: withCors(async (request, context) =>
      describeServer(issuerOf(request, context), publicUrl !== undefined),
    ),
    preflight: (methods) => withCors(async () => answerPreflight(methods)),
    introspect: withForm(introspect),
    revokeGlobally: withErrorAnswers(async (request, context) => {
      const caller = await authenticateCaller({ tokens, limits, context }, request, noForm)
      return revokeGlobally(tokens, { request, caller, issuer: issuerOf(request, context) })
    }, emit),
  }
}

const noForm: Form = new Map()

/** Makes the function that lets the pages of these origins read a route's answers. */
function createCors(allowed: AllowedOrigins): (answer: RouteHandler) => RouteHandler {
  return (answer) => async (request, context) => {
    const response = await answer(request, context)
    const { headers } = response
    const origin = request.headers.get('origin')
    // One cache for all origins would give the answer for one page to another.
    if (allowed !== '*') headers.append('vary', 'origin')
    if (!isAllowedOrigin(allowed, origin)) return response
    headers.set('access-control-allow-origin', allowed === '*' ? allowed : (origin ?? ''))
    headers.set('access-control-expose-headers', exposedHeaders.join(', '))
    return response
  }
}

/** Permits what a page may send beyond a plain form: its access token. */
function answerPreflight(methods: string): Response {
  const headers = {
    'access-control-allow-methods': methods,
    'access-control-allow-headers': 'authorization, content-type',
    'access-control-max-age': '86400',
  }
  return new Response(null, { status: 204, headers })
}
