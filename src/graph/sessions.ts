import { badInput } from '../tokens/input-fault.ts'
import type { StoredSession } from '../tokens/store.ts'
import type { Builder } from './builder.ts'
import { idCursors, pageArguments, readPage } from './connection.ts'
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
  const includeEndedDescription = 'Also sessions that have ended, as long as they are kept. False by default.'
  const own = builder.args((t) => ({
    ...pageArguments(builder),
    includeEnded: t.boolean({ defaultValue: false, description: includeEndedDescription }),
  }))

  builder.queryField('mySessions', (t) =>
    t.field({
      type: connection,
      description:
        'The caller’s own sessions: the devices that are logged in. Needs an access token (`Authorization: Bearer …`).',
      args: own,
      resolve: (_, args, { tokens, caller }) =>
        readPage(args, cursors, (before, limit) =>
          tokens.listSessions({ includeEnded: args.includeEnded ?? false, before, limit }, caller),
        ),
    }),
  )

  const filter = builder.inputType('TokenSessionFilter', {
    description: 'Which sessions.',
    fields: (t) => ({
      owner: t.field({ type: ownerInput, description: 'The owner, realm or username. This or `client` is required.' }),
      client: t.id({ description: 'The client that created them. This or `owner` is required.' }),
      includeEnded: t.boolean({ defaultValue: false, description: includeEndedDescription }),
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
        const includeEnded = asked.includeEnded ?? false
        return readPage(args, cursors, (before, limit) =>
          tokens.listSessions({ scope, includeEnded, before, limit }, caller),
        )
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
        return readPage(args, cursors, (before, limit) =>
          tokens.listSessions({ scope, includeEnded: args.includeEnded ?? false, before, limit }, caller),
        )
      },
    }),
  )
}

const cursors = idCursors('session', ({ id }: StoredSession) => id)
