import { assertMayGrant, assertScope, authorityOf, type Caller, refuseOutdated } from './caller.ts'
import { clientRealm } from './clients.ts'
import type { TokensDependencies } from './dependencies.ts'
import { type DeviceRequest, readDevice } from './device.ts'
import { badInput } from './input-fault.ts'
import type { Owner } from './owner.ts'
import { type IssuedPair, newHalves, slotFor, toIssuedPair } from './pair.ts'
import { readName, readScopes } from './read-input.ts'
import { mintSecrets } from './token.ts'

export interface IssueRequest {
  readonly owner: Owner
  readonly scopes?: readonly string[]
  readonly device?: DeviceRequest | undefined
  /** Issue only an access token, as Elasticsearch does for `client_credentials`. */
  readonly withoutRefreshToken?: boolean
}

/**
 * Creates a session with its first pair. Needs the scope `create_token`.
 *
 * A client that was disabled, deleted or given another secret after it had authenticated creates no session: once such
 * a change has been answered, only sessions that began before it are left to end.
 *
 * @throws TokenServiceError ERR_BAD_INPUT, ERR_UNAUTHENTICATED, ERR_FORBIDDEN
 */
export async function issue(
  dependencies: TokensDependencies,
  request: IssueRequest,
  caller: Caller,
): Promise<IssuedPair> {
  assertScope(caller, 'create_token', 'create a token pair')
  const scopes = readScopes(request.scopes ?? [])
  assertMayGrant(caller, scopes)
  const owner = {
    realm: readName('realm', request.owner.realm),
    username: readName('username', request.owner.username),
  }
  assertRealmAllowed(owner, caller)
  const device = readDevice(request.device ?? {})

  const issuedAt = dependencies.clock()
  const secrets = mintSecrets()
  const { access, refresh } = newHalves(secrets, issuedAt, dependencies.lifetimes)
  const halves = { access, refresh: request.withoutRefreshToken === true ? undefined : refresh }
  const slot = slotFor(halves, dependencies.lifetimes)
  const id = await dependencies.store.issue({
    slot,
    owner,
    ...authorityOf(caller),
    scopes,
    device,
    issuedAt,
    ...halves,
  })
  if (id === undefined) return refuseOutdated()
  return toIssuedPair(secrets, { slot, id, ...halves, scopes, session: { id, owner } }, issuedAt)
}

/**
 * A token in the clients' realm acts for a client: its holder can see and invalidate that client's tokens. So only the
 * client itself may create one.
 */
function assertRealmAllowed({ realm, username }: Owner, caller: Caller): void {
  if (realm !== clientRealm || (caller.kind === 'client' && caller.clientId === username)) return
  throw badInput({
    field: 'realm',
    expected: `to be a realm other than ${clientRealm}`,
    because: 'in that realm a client creates tokens only for itself',
  })
}
