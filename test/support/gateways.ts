import { ApolloGateway, type GraphQLDataSourceProcessOptions, RemoteGraphQLDataSource } from '@apollo/gateway'
import { ApolloServer } from '@apollo/server'
import { startStandaloneServer } from '@apollo/server/standalone'
import { createGateway } from '../../examples/supergraph/gateway.ts'

/** A gateway that serves a supergraph. */
export interface RunningGateway {
  post(body: string, headers: Readonly<Record<string, string>>): Promise<Response>
  stop(): Promise<void>
}

export async function startHiveGateway(supergraph: string): Promise<RunningGateway> {
  const gateway = createGateway(supergraph)
  return {
    post: async (body, headers) => gateway.fetch('http://gateway/graphql', { method: 'POST', headers, body }),
    stop: async () => gateway[Symbol.asyncDispose](),
  }
}

interface ApolloContext {
  readonly authorization?: string | undefined
}

/** Sends `Authorization` to the subgraph of tokens alone, as `examples/supergraph/gateway.ts` does. */
class TokensDataSource extends RemoteGraphQLDataSource<ApolloContext> {
  override willSendRequest({ request, context }: GraphQLDataSourceProcessOptions<ApolloContext>): void {
    const { authorization } = context
    if (authorization !== undefined) request.http?.headers.set('authorization', authorization)
  }
}

export interface ApolloGatewayOptions {
  /** Whether it sends the hash of a document first (automatic persisted queries). */
  readonly apq?: boolean
}

export async function startApolloGateway(
  supergraph: string,
  { apq = false }: ApolloGatewayOptions = {},
): Promise<RunningGateway> {
  const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore }
  const gateway = new ApolloGateway({
    supergraphSdl: supergraph,
    buildService: ({ name, url = '' }) =>
      name === 'tokens' ? new TokensDataSource({ url, apq }) : new RemoteGraphQLDataSource({ url }),
    logger: silent,
  })
  const server = new ApolloServer<ApolloContext>({
    gateway,
    logger: silent,
    includeStacktraceInErrorResponses: false,
  })
  const { url } = await startStandaloneServer(server, {
    listen: { host: '127.0.0.1', port: 0 },
    context: async ({ req }) => ({ authorization: req.headers.authorization }),
  })
  return { post: (body, headers) => fetch(url, { method: 'POST', headers, body }), stop: () => server.stop() }
}

function ignore(): void {}
