import { clientOf } from '../../tokens/caller.ts'
import type { Owner } from '../../tokens/owner.ts'
import type { IssuedPair } from '../../tokens/pair.ts'
import type { RefreshRefusal, TermsNotMet } from '../../tokens/refresh.ts'
import { readToken } from '../../tokens/token.ts'
import type { Tokens } from '../../tokens/tokens.ts'
import type { Authentication } from '../credentials.ts'
import type { Answer, Verb } from './dialect.ts'
import { numbered, unauthenticated, wrongCredentials } from './error.ts'
import { assertKnownParameters, readFields } from './fields.ts'
import { assertManagesTokens, describeUser, identify, ownerOf, type Principal, scopesOf } from './identity.ts'

/** The owner that a password belongs to, and what their token may be used for. */
export interface AuthenticatedUser extends Owner {
  readonly scopes?: readonly string[]
}

/**
 * Answers undefined for a wrong password and for an unknown name. An error that it throws becomes the event
 * `unexpected_error`.
 */
export type AuthenticatePassword = (username: string, password: string) => Promise<AuthenticatedUser | undefined>

export interface GrantDependencies extends Omit<Authentication, 'context'> {
  readonly authenticatePassword?: AuthenticatePassword | undefined
}

const names = ['grant_type', 'username', 'password', 'kerberos_ticket', 'scope', 'refresh_token'] as const
type Name = (typeof names)[number]
type Fields = Readonly<Partial<Record<Name, string>>>

interface GrantType {
  readonly required: readonly Name[]
  readonly forbidden: readonly Name[]
  readonly run: (fields: Fields, principal: Principal) => Promise<Answer>
}

/** `POST /_security/oauth2/token`, which Elasticsearch calls “get token”. */
export function createGrants(dependencies: GrantDependencies): Verb {
  const grants = new Map(Object.entries(grantsOf(dependencies)))
  return async (request, context) => {
    const principal = await identify({ ...dependencies, context }, request)
    assertKnownParameters(request)
    const fields = await readFields(request, 'token_request', names)
    const grant = grants.get(fields.grant_type ?? '')
    if (grant === undefined) return refused([`grant_type only supports the values: [${[...grants.keys()].join(', ')}]`])
    const faults = findFaults(grant, fields)
    return faults.length > 0 ? refused(faults) : grant.run(fields, principal)
  }
}

function grantsOf({ tokens, authenticatePassword }: GrantDependencies): Readonly<Record<string, GrantType>> {
  return {
    ...(authenticatePassword && {
      password: {
        required: ['username', 'password'],
        forbidden: ['kerberos_ticket', 'refresh_token'],
        run: (fields, principal) => grantPassword(tokens, authenticatePassword, { fields, principal }),
      },
    }),
    refresh_token: {
      required: ['refresh_token'],
      forbidden: ['username', 'password', 'kerberos_ticket'],
      run: (fields, principal) => grantRefresh(tokens, fields, principal),
    },
    client_credentials: {
      required: [],
      forbidden: ['username', 'password', 'kerberos_ticket', 'refresh_token'],
      run: (fields, principal) => grantToCaller(tokens, fields, principal),
    },
  }
}

function findFaults({ required, forbidden }: GrantType, fields: Fields): readonly string[] {
  return [
    ...required.filter((name) => !fields[name]).map((name) => `${name} is missing`),
    ...forbidden
      .filter((name) => fields[name] !== undefined)
      .map((name) => `${name} is not supported with the ${fields.grant_type} grant_type`),
  ]
}

/** As in Elasticsearch, every refusal that mentions `grant_type` is an `unsupported_grant_type`, whatever its fault. */
function refused(faults: readonly string[]): Answer {
  const description = numbered(faults)
  return rfcError(description.includes('grant_type') ? 'unsupported_grant_type' : 'invalid_request', description)
}

/** The error format of RFC 6749 §5.2. Of Elasticsearch's routes only this one has it. */
function rfcError(error: string, description: string): Answer {
  return { status: 400, body: { error, error_description: description } }
}

async function grantPassword(
  tokens: Tokens,
  authenticatePassword: AuthenticatePassword,
  { fields, principal }: { readonly fields: Fields; readonly principal: Principal },
): Promise<Answer> {
  assertManagesTokens(principal, 'create')
  const user = await authenticatePassword(fields.username ?? '', fields.password ?? '')
  if (user === undefined) throw unauthenticated(wrongCredentials)
  const { realm, username, scopes = [] } = user
  return granted(await tokens.issue({ owner: { realm, username }, scopes }, principal), fields, 'realm')
}

/**
 * A token for the client itself, with all of its scopes. A caller that authenticates by an access token is refused: it
 * could request the next token with each one for ever, even after its session was ended.
 */
async function grantToCaller(tokens: Tokens, fields: Fields, principal: Principal): Promise<Answer> {
  assertManagesTokens(principal, 'create')
  if (principal.kind === 'owner')
    return rfcError(
      'unauthorized_client',
      'the client_credentials grant is for clients: authenticate by Basic or ApiKey',
    )
  const request = { owner: ownerOf(principal), scopes: scopesOf(principal), withoutRefreshToken: true }
  return granted(await tokens.issue(request, principal), fields, 'realm')
}

async function grantRefresh(tokens: Tokens, fields: Fields, principal: Principal): Promise<Answer> {
  assertManagesTokens(principal, 'refresh')
  const { refresh_token: refreshToken = '' } = fields
  if (readToken(refreshToken) === undefined) return rfcError('invalid_grant', refusals.invalid)
  const answer = await tokens.refreshOnTerms(refreshToken, { issuedTo: clientOf(principal) })
  return answer.outcome === 'refreshed'
    ? granted(answer.pair, fields, 'token')
    : rfcError('invalid_grant', refusals[answer.reason])
}

/** Elasticsearch's exact messages: Kibana chooses by three of them what it shows. */
const refusals: Readonly<Record<RefreshRefusal | TermsNotMet['reason'], string>> = {
  invalid: 'could not refresh the requested token',
  expired: 'token document has expired',
  invalidated: 'token has been invalidated',
  'other-client': 'tokens must be refreshed by the creating client',
  'beyond-grant': 'could not refresh the requested token',
  'already-used': 'token has already been refreshed more than 30 seconds in the past',
}

function granted(pair: IssuedPair, { scope }: Fields, authenticationType: string): Answer {
  const { accessToken, expiresInSeconds, refresh, scopes, session } = pair
  const body = {
    access_token: accessToken,
    type: 'Bearer',
    expires_in: expiresInSeconds,
    ...(scope !== undefined && { scope: 'full' }),
    ...(refresh && { refresh_token: refresh.token }),
    authentication: describeUser(session.owner, scopes, authenticationType),
  }
  return { status: 200, body }
}
