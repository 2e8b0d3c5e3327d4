import type { ListableScope } from '../tokens/coverage.ts'
import { badInput } from '../tokens/input-fault.ts'
import type { Owner, OwnerScope } from '../tokens/owner.ts'
import type { Builder } from './builder.ts'
import { declareEntity } from './federation.ts'
import type { SessionRef } from './session.ts'

/** `TokenOwner`, the key by which a `User` of another subgraph gets its sessions. */
export function defineOwner(builder: Builder, tokenSession: SessionRef) {
  const tokenOwner = builder.objectRef<Owner>('TokenOwner').implement({
    description:
      'The owner of tokens. Another subgraph refers to an owner by this key, for example in a field of its `User`, and a gateway requests the other fields from this service.',
    fields: (t) => ({
      realmName: t.string({ description: 'The realm.', resolve: ({ realm }) => realm }),
      username: t.string({ description: 'The username within the realm.', resolve: ({ username }) => username }),
    }),
  })
  // A named owner reveals nothing: every other field is looked up, or refused, by itself.
  declareEntity(builder, tokenOwner, {
    key: builder.selection<{ realmName: string; username: string }>('realmName username'),
    find: async (keys) => keys.map(({ realmName, username }) => ({ realm: realmName, username })),
  })
  builder.objectField(tokenSession, 'owner', (t) =>
    t.field({ type: tokenOwner, description: 'The owner of its tokens.', resolve: ({ owner }) => owner }),
  )
  return tokenOwner
}

export type OwnerRef = ReturnType<typeof defineOwner>

/** `TokenOwnerInput`: which owners are meant, in lists and in `invalidateToken`. */
export function defineOwnerInput(builder: Builder) {
  const realmUser = builder.inputType('RealmUserInput', {
    description: 'One owner: a username in a realm.',
    fields: (t) => ({
      realmName: t.string({ required: true, description: 'The realm.' }),
      username: t.string({ required: true, description: 'The username within the realm, compared byte for byte.' }),
    }),
  })
  return builder.inputType('TokenOwnerInput', {
    isOneOf: true,
    description:
      'Which owners: exactly one of a realm, a username, or both as `realmUser`. `realmUser` is a field of its own so that a forgotten variable can never widen one owner to a whole realm.',
    fields: (t) => ({
      realmName: t.string({ description: 'All owners in this realm.' }),
      username: t.string({ description: 'This username, in every realm.' }),
      realmUser: t.field({ type: realmUser, description: 'This username, in this realm.' }),
    }),
  })
}

export type OwnerInputRef = ReturnType<typeof defineOwnerInput>

interface OwnerInput {
  readonly realmName?: string | null | undefined
  readonly username?: string | null | undefined
  readonly realmUser?: { readonly realmName: string; readonly username: string } | null | undefined
}

interface ScopeInput {
  readonly owner?: OwnerInput | null | undefined
  readonly client?: string | number | null | undefined
}

/** The scope that a filter names; undefined if it names none. */
export function readScopeInput({ owner, client }: ScopeInput): ListableScope | undefined {
  if (owner != null && client != null) throw badInput('Expected `owner` or `client`, got both')
  if (client != null) return { kind: 'client', clientId: String(client) }
  return owner == null ? undefined : readOwnerInput(owner)
}

/** graphql-js guarantees that exactly one field is set. A field that is added without a line here must be refused. */
export function readOwnerInput({ realmName, username, realmUser }: OwnerInput): OwnerScope {
  if (realmName != null) return { kind: 'realm', realm: realmName }
  if (username != null) return { kind: 'username', username }
  if (realmUser != null) return { kind: 'realm-user', realm: realmUser.realmName, username: realmUser.username }
  throw badInput('Expected exactly one field in `owner`')
}
