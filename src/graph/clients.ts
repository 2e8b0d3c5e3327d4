import type { ListedClient } from '../tokens/clients.ts'
import { readClientCursor, writeClientCursor } from '../tokens/cursor.ts'
import type { Builder } from './builder.ts'
import { pageArguments, readPage } from './connection.ts'

export type ClientRef = ReturnType<typeof defineClients>

/** `TokenClient`, `tokenClients` and `tokenClient`. */
export function defineClients(builder: Builder) {
  const tokenClient = builder.objectRef<ListedClient>('TokenClient').implement({
    description:
      'A program that authenticates by an id and a secret: a login service, a gateway, a script. Its secret cannot be read: only a digest of it is stored.',
    fields: (t) => ({
      id: t.id({ description: 'The id that it authenticates with.', resolve: ({ id }) => id }),
      scopes: t.stringList({ description: 'What it may do.', resolve: ({ scopes }) => [...scopes] }),
      createdAt: t.field({
        type: 'DateTime',
        description: 'When it was added.',
        resolve: ({ createdAt }) => createdAt,
      }),
      disabledAt: t.field({
        type: 'DateTime',
        nullable: true,
        description: 'Since when it is disabled. Null while it may authenticate.',
        resolve: ({ disabledAt }) => disabledAt,
      }),
      previousSecretUntil: t.field({
        type: 'DateTime',
        nullable: true,
        description: 'Until when the secret before the last rotation is accepted as well. Null if none is.',
        resolve: ({ previousSecretUntil }) => previousSecretUntil,
      }),
    }),
  })
  const connection = builder.connectionObject(
    { type: tokenClient, name: 'TokenClientConnection', description: 'Clients, the oldest first.' },
    { name: 'TokenClientEdge', description: 'A client and its position in the list.' },
  )
  builder.queryField('tokenClients', (t) =>
    t.field({
      type: connection,
      description: 'All clients, also disabled ones. Deleted clients are left out. Needs the scope `manage_clients`.',
      args: pageArguments(builder),
      resolve: (_, args, { tokens, caller }) =>
        readPage(args, cursors, (after, limit) => tokens.listClients({ after, limit }, caller)),
    }),
  )
  builder.queryField('tokenClient', (t) =>
    t.field({
      type: tokenClient,
      nullable: true,
      description:
        'The client with this id. Null if there is none, or if it was deleted. Needs the scope `manage_clients`.',
      args: { id: t.arg.id({ required: true, description: 'The id of the client.' }) },
      resolve: (_, { id }, { tokens, caller }) => tokens.findClient(String(id), caller),
    }),
  )
  return tokenClient
}

const cursors = { read: readClientCursor, write: ({ id }: ListedClient) => writeClientCursor(id) }
