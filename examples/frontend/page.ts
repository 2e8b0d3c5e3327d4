import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import type { Login } from './login.ts'
import {
  type EndedFragment,
  EndRealmDocument,
  LogOutDeviceDocument,
  LogOutDocument,
  LogOutEverywhereDocument,
  LogOutOthersDocument,
  MyDevicesDocument,
  type MyDevicesQuery,
  type RealmUserInput,
  WhoAmIDocument,
} from './operations.ts'

/** A page of the list, the newest login first. `pageInfo.endCursor` is the `after` of the next. */
type DevicePage = MyDevicesQuery['mySessions']

/** How many tokens were ended. It counts tokens, not logins: each login has two or more. */
type Ended = EndedFragment

/** A GraphQL client with the page's login. apollo.ts and urql.ts each implement it. */
export interface Connection<Client> {
  /** The client, for the rest of the page. Read it again after a logout: with urql it is then another one. */
  readonly client: Client
  /** Queries the service, not the cache. Rejects with the client's own error. */
  query<Data, Variables extends Record<string, unknown>>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
  ): Promise<Data>
  /** Ends tokens. Lists of sessions that are on the screen are then requested again. Rejects as `query` does. */
  end<Variables extends Record<string, unknown>>(
    document: TypedDocumentNode<{ readonly invalidateToken: Ended }, Variables>,
    variables: Variables,
    context?: typeof withoutToken,
  ): Promise<Ended>
}

/** For operations that need only the token in their variables: with an expired token in the header they are refused. */
export const withoutToken = { withoutToken: true } as const

/**
 * What a page does with logins.
 *
 * Each function rejects with the client's own error when the service refuses or is not available. The login is then
 * kept, so each may be repeated: tokens that were already ended are only counted differently.
 */
export interface Page {
  /** The logins of the owner, including this page's. */
  devices(first: number, after?: string | null): Promise<DevicePage>
  /** Ends the login of this page, even if its access token has expired. The page is logged out. */
  logOut(): Promise<Ended>
  /** Ends another login of the owner, for example on a lost phone. `id` is that of a `Device`. */
  logOutDevice(id: string): Promise<Ended>
  /** Ends all logins of the owner except this page's, as after a change of password. */
  logOutOthers(): Promise<Ended>
  /** Ends all logins of the owner. The page is logged out. */
  logOutEverywhere(): Promise<Ended>
  /** For administrators: how many tokens `endRealm` would end. Changes nothing. */
  countRealm(realmName: string): Promise<Ended>
  /** For administrators, during an incident: ends all logins of a realm except the login of this page. */
  endRealm(realmName: string, comment: string): Promise<Ended>
}

export function createPage({ query, end }: Connection<unknown>, login: Login): Page {
  /** The owner of the page. The service knows the owner by the token. */
  async function owner(): Promise<RealmUserInput> {
    const { realmName, username } = (await query(WhoAmIDocument, {})).currentToken ?? {}
    if (!realmName || !username) throw new Error('No owner is logged in.')
    return { realmName, username }
  }

  return {
    devices: async (first, after) => (await query(MyDevicesDocument, { first, after })).mySessions,
    logOut: () => login.leave(() => end(LogOutDocument, { accessToken: login.accessToken() ?? '' }, withoutToken)),
    logOutDevice: (id) => end(LogOutDeviceDocument, { id }),
    logOutOthers: async () => end(LogOutOthersDocument, { owner: await owner() }),
    logOutEverywhere: () => login.leave(async () => end(LogOutEverywhereDocument, { owner: await owner() })),
    countRealm: (realmName) => end(EndRealmDocument, { realmName, dryRun: true }),
    endRealm: (realmName, comment) => end(EndRealmDocument, { realmName, comment, dryRun: false }),
  }
}
