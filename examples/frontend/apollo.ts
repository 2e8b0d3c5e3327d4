import { type ApolloCache, ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client'
import { CombinedGraphQLErrors, ServerError } from '@apollo/client/errors'
import { SetContextLink } from '@apollo/client/link/context'
import { ErrorLink } from '@apollo/client/link/error'
import { from, switchMap, throwError } from 'rxjs'
import type { Login, SpendRefreshToken } from './login.ts'
import { RefreshPairDocument } from './operations.ts'
import { type Connection, withoutToken } from './page.ts'

/** An Apollo Client that sends the page's token, renews it when it has expired, and clears its cache after a logout. */
function createClient(endpoint: string, login: Login): ApolloClient {
  const token = new SetContextLink((context) => {
    const accessToken = context['withoutToken'] ? undefined : login.accessToken()
    if (accessToken === undefined) return {}
    return { accessToken, headers: { ...context['headers'], authorization: `Bearer ${accessToken}` } }
  })
  const renewal = new ErrorLink(({ error, operation, forward }) => {
    const { accessToken } = operation.getContext()
    if (accessToken === undefined || !isUnauthenticated(error)) return
    return from(login.renew(accessToken, spend)).pipe(
      switchMap((isRenewed) => (isRenewed ? forward(operation) : throwError(() => error))),
    )
  })
  const client = new ApolloClient({
    link: ApolloLink.from([renewal, token, new HttpLink({ uri: endpoint })]),
    // Apollo knows the members of a union only from this option.
    cache: new InMemoryCache({ possibleTypes: { RefreshTokenPairResult: ['TokenPair', 'RefreshTokenRejected'] } }),
  })

  const spend: SpendRefreshToken = async (refreshToken) => {
    // Tokens must not get into the cache, which all of the page can read.
    const { data } = await client.mutate({
      mutation: RefreshPairDocument,
      variables: { refreshToken },
      context: withoutToken,
      fetchPolicy: 'no-cache',
    })
    return assertAnswer(data).refreshTokenPair
  }
  // Running requests belong to the old login; Apollo rejects them with "Store reset while query was in flight".
  login.onEnd(() => void client.clearStore())
  return client
}

function isUnauthenticated(error: unknown): boolean {
  if (CombinedGraphQLErrors.is(error))
    return error.errors.some(({ extensions }) => extensions?.['code'] === 'UNAUTHENTICATED')
  // A proxy in front of the service may answer without GraphQL.
  return ServerError.is(error) && error.statusCode === 401
}

function assertAnswer<Data>(data: Data | undefined): Data {
  if (data === undefined) throw new Error('The service answered without data.')
  return data
}

/** The page's connection through Apollo Client. */
export function connectApollo(endpoint: string, login: Login): Connection<ApolloClient> {
  const client = createClient(endpoint, login)
  return {
    client,
    query: async (query, variables) => {
      const { data } = await client.query({ query, variables, fetchPolicy: 'network-only' })
      return assertAnswer(data)
    },
    end: async (mutation, variables, context) => {
      const update = (cache: ApolloCache) => void cache.evict({ id: 'ROOT_QUERY', fieldName: 'mySessions' })
      const { data } = await client.mutate({ mutation, variables, context: { ...context }, update })
      return assertAnswer(data).invalidateToken
    },
  }
}
