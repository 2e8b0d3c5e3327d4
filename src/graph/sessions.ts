import { badInput } from '../tokens/input-fault.ts'
import type { StoredSession } from '../tokens/store.ts'
import type { Builder } from './builder.ts'
import { type PageArguments, type PageRequest, pageArguments, readPage } from './connection.ts'
import { type OwnerInputRef, type OwnerRef, readScopeInput } from './owner.ts'
import type { SessionRef } from './session.ts'

interface Refs {
  readonly tokenSession: SessionRef
  readonly tokenOwner: OwnerRef
  readonly ownerInput: OwnerInputRef
}

/** `mySessions`, `tokenSessions` and `TokenOwner.sessions`. */
export function defineSessions(builder: Builder, { tokenSession, tokenOwner, ownerInput }: Refs): void {
  const connection = builder.connectionObject(
    { type: tokenSession, name: 'TokenSessionConnection', description: 'Sessions, newest first.' },
    { name: 'TokenSessionEdge', description: 'A session and its position in the list.' },
  )
  const includeEnded = 'Also sessions that have ended, as long as they are kept. False by default.'
  const own = builder.args((t) => ({
    ...pageArguments(builder),
    includeEnded: t.boolean({ defaultValue: false, description: includeEnded }),
  }))

  builder.queryField('mySessions', (t) =>
    t.field({
      type: connection,
      description:
        'The caller’s own sessions: the devices that are logged in. Needs an access token (`Authorization: Bearer …`).',
      args: own,
      resolve: (_, args, { tokens, caller }) =>
        readSessions(args, (page) =>
          tokens.listSessions({ includeEnded: args.includeEnded ?? false, ...page }, caller),
        ),
    }),
  )

  const filter = builder.inputType('TokenSessionFilter', {
    description: 'Which sessions.',
    fields: (t) => ({
      owner: t.field({ type: ownerInput, description: 'The owner, realm or username. This or `client` is required.' }),
      client: t.id({ description: 'The client that created them. This or `owner` is required.' }),
      includeEnded: t.boolean({ defaultValue: false, description: includeEnded }),
    }),
  })
  builder.queryField('tokenSessions', (t) =>
    t.field({
      type: connection,
      description:
        'The sessions of an owner, of a realm, of a username in all realms, or that one client created. Needs the scope `manage_token`, except for the caller’s own.',
      args: {
        ...pageArguments(builder),
        filter: t.arg({ type: filter, required: true, description: 'Which sessions.' }),
      },
      resolve: (_, { filter: asked, ...args }, { tokens, caller }) => {
        const scope = readScopeInput(asked)
        if (scope === undefined) throw badInput('Expected `filter` to have `owner` or `client`')
        const all = asked.includeEnded
        return readSessions(args, (page) => tokens.listSessions({ scope, includeEnded: all ?? false, ...page }, caller))
      },
    }),
  )

  builder.objectField(tokenOwner, 'sessions', (t) =>
    t.field({
      type: connection,
      description: 'The sessions of this owner. Needs an access token of this owner, or the scope `manage_token`.',
      args: own,
      resolve: ({ realm, username }, args, { tokens, caller }) => {
        const scope = { kind: 'realm-user', realm, username } as const
        return readSessions(args, (page) =>
          tokens.listSessions({ scope, includeEnded: args.includeEnded ?? false, ...page }, caller),
        )
      },
    }),
  )
}

function readSessions(args: PageArguments, list: (page: PageRequest) => Promise<readonly StoredSession[]>) {
  return readPage(args, 'session', ({ id }) => id, list)
}
