import { assertMayGrant, assertScope, type Caller, clientOf } from './caller.ts'
import type { TokensDependencies } from './dependencies.ts'
import { type DeviceRequest, readDevice } from './device.ts'
import { type Owner, readName, readScopes } from './owner.ts'
import { handOut, type IssuedPair, newHalves, slotFor } from './pair.ts'
import { mintSecrets } from './token.ts'

export interface IssueRequest {
  readonly owner: Owner
  readonly scopes?: readonly string[]
  readonly device?: DeviceRequest | undefined
  /** An access token alone, as for Elasticsearch's `client_credentials`. */
  readonly withoutRefreshToken?: boolean
}

export async function issue(mind: TokensDependencies, request: IssueRequest, caller: Caller): Promise<IssuedPair> {
  assertScope(caller, 'create_token', 'create a token pair')
  const scopes = readScopes(request.scopes ?? [])
  assertMayGrant(caller, scopes)
  const owner = {
    realm: readName('realmName', request.owner.realm),
    username: readName('username', request.owner.username),
  }

  const device = readDevice(request.device ?? {})

  const issuedAt = mind.clock()
  const secrets = mintSecrets()
  const { access, refresh } = newHalves(secrets, issuedAt, mind.lifetimes)
  const halves = { access, refresh: request.withoutRefreshToken === true ? undefined : refresh }
  const slot = slotFor(halves, mind.lifetimes)
  const id = await mind.store.issue({ slot, owner, clientId: clientOf(caller), scopes, device, issuedAt, ...halves })
  return handOut(secrets, { slot, id, ...halves }, { scopes, session: { id, owner } }, issuedAt)
}
