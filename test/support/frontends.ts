import { connectApollo } from '../../examples/frontend/apollo.ts'
import type { Login, Pair } from '../../examples/frontend/login.ts'
import { MyDevicesDocument, type MyDevicesQuery } from '../../examples/frontend/operations.ts'
import type { Connection } from '../../examples/frontend/page.ts'
import { connectUrql } from '../../examples/frontend/urql.ts'

type Labels = readonly (string | null)[]

/** A connection of examples/frontend, with access to the client's cache for the tests. */
export interface Frontend {
  readonly connection: Connection<unknown>
  /** The list of devices in the client's cache; undefined if the cache does not have it. */
  cached(): Labels | undefined
  /** Calls `show` at each change of the list of devices, as for a page. Answers a function that stops this. */
  watch(show: (labels: Labels) => void): () => void
}

type Connect = (endpoint: string, login: Login) => Frontend

/** How many devices the page shows. */
export const first = 20
const document = MyDevicesDocument
const variables = { first }
const labelsOf = ({ mySessions }: MyDevicesQuery): Labels => mySessions.nodes.map(({ device }) => device.label)

const apollo: Connect = (endpoint, login) => {
  const connection = connectApollo(endpoint, login)
  return {
    connection,
    cached: () => {
      const data = connection.client.readQuery({ query: document, variables })
      return data === null ? undefined : labelsOf(data)
    },
    watch: (show) => {
      const watching = connection.client.watchQuery({ query: document, variables }).subscribe((answer) => {
        if (answer.dataState === 'complete') show(labelsOf(answer.data))
      })
      return () => watching.unsubscribe()
    },
  }
}

const urql: Connect = (endpoint, login) => {
  const connection = connectUrql(endpoint, login)
  return {
    connection,
    cached: () => {
      const { data } = connection.client.readQuery(document, variables, { requestPolicy: 'cache-only' }) ?? {}
      return data ? labelsOf(data) : undefined
    },
    watch: (show) =>
      connection.client.query(document, variables).subscribe(({ data }) => {
        if (data !== undefined) show(labelsOf(data))
      }).unsubscribe,
  }
}

/** The GraphQL clients that examples/frontend supports. */
export const frontends: readonly (readonly [string, Connect])[] = [
  ['Apollo Client', apollo],
  ['urql', urql],
]

export interface Details {
  readonly realmName?: string
  readonly username: string
  readonly scopes?: readonly string[]
  readonly device?: { readonly label: string }
}

/** Issues a pair, as a login service does after it has verified the owner. */
export async function logIn(endpoint: string, client: string, details: Details): Promise<Pair> {
  const query = `mutation ($input: CreateTokenPairInput!) {
    createTokenPair(input: $input) { accessToken refreshToken } }`
  const authorization = `Basic ${Buffer.from(client).toString('base64')}`
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization },
    body: JSON.stringify({ query, variables: { input: { realmName: 'demo', ...details } } }),
  })
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects, and fails if that is missing
  const { data }: any = await response.json()
  return data.createTokenPair
}
