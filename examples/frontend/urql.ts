import { Client, type CombinedError, cacheExchange, fetchExchange } from '@urql/core'
import { authExchange } from '@urql/exchange-auth'
import type { Login } from './login.ts'
import { RefreshPairDocument } from './operations.ts'
import { type Connection, withoutToken } from './page.ts'

/** An urql client for one login. It sends the page's token, and renews it when it has expired. */
function createClient(endpoint: string, login: Login): Client {
  /** The access token that the service has refused. */
  let refused = ''
  /** A client is for one login: requests that it sends after the end have no token, and not the next owner's. */
  let isOver = false
  const stopListening = login.onEnd(() => {
    isOver = true
    stopListening()
  })
  const renewal = authExchange(async ({ appendHeaders, mutate }) => ({
    addAuthToOperation: (operation) => {
      const accessToken = isOver || operation.context['withoutToken'] ? undefined : login.accessToken()
      return accessToken === undefined
        ? operation
        : appendHeaders(
            { ...operation, context: { ...operation.context, accessToken } },
            { Authorization: `Bearer ${accessToken}` },
          )
    },
    didAuthError: (error, { context: { accessToken } }) => {
      if (accessToken === undefined || !isUnauthenticated(error)) return false
      refused = accessToken
      return true
    },
    refreshAuth: async () => {
      await login.renew(refused, async (refreshToken) => {
        const { data, error } = await mutate(RefreshPairDocument, { refreshToken }, withoutToken)
        return assertAnswer(data, error).refreshTokenPair
      })
    },
  }))
  // `preferGetMethod` would write queries into URLs, and URLs into logs.
  return new Client({ url: endpoint, preferGetMethod: false, exchanges: [cacheExchange, renewal, fetchExchange] })
}

function isUnauthenticated({ graphQLErrors, response }: CombinedError): boolean {
  // A proxy in front of the service may answer without GraphQL.
  return graphQLErrors.some(({ extensions }) => extensions['code'] === 'UNAUTHENTICATED') || response?.status === 401
}

function assertAnswer<Data>(data: Data | undefined, error: CombinedError | undefined): Data {
  if (error !== undefined) throw error
  if (data === undefined) throw new Error('The service answered without data.')
  return data
}

/** The page's connection through urql. */
export function connectUrql(endpoint: string, login: Login): Connection<Client> {
  let client = createClient(endpoint, login)
  // urql's cache cannot be cleared, so the next login gets a new client.
  login.onEnd(() => {
    client = createClient(endpoint, login)
  })
  return {
    get client() {
      return client
    },
    query: async (document, variables) => {
      const { data, error } = await client.query(document, variables, { requestPolicy: 'network-only' })
      return assertAnswer(data, error)
    },
    end: async (document, variables, context) => {
      const additionalTypenames = ['TokenSession']
      const { data, error } = await client.mutation(document, variables, { additionalTypenames, ...context })
      return assertAnswer(data, error).invalidateToken
    },
  }
}
