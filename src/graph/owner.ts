import type { Owner, OwnerScope } from '../tokens/owner.ts'
import { badInput } from '../tokens/owner.ts'
import type { Builder } from './builder.ts'
import { declareEntity } from './federation.ts'
import type { SessionRef } from './session.ts'

/** `TokenOwner`, the key by which a `User` of another subgraph gets its sessions. */
export function defineOwner(builder: Builder, tokenSession: SessionRef) {
  const tokenOwner = builder.objectRef<Owner>('TokenOwner').implement({
    description:
      'Whom tokens speak for. Another subgraph names one by its key, for example as a field of its `User`, and a gateway has us add the rest.',
    fields: (t) => ({
      realmName: t.string({ description: 'The realm.', resolve: ({ realm }) => realm }),
      username: t.string({ description: 'The name within the realm.', resolve: ({ username }) => username }),
    }),
  })
  // Naming an owner shows nothing: what they have is looked up, and refused, field by field.
  declareEntity(
    builder,
    tokenOwner,
    builder.selection<{ realmName: string; username: string }>('realmName username'),
    async (keys) => keys.map(({ realmName, username }) => ({ realm: realmName, username })),
  )
  builder.objectField(tokenSession, 'owner', (t) =>
    t.field({ type: tokenOwner, description: 'Whom its tokens speak for.', resolve: ({ owner }) => owner }),
  )
  return tokenOwner
}

export type OwnerRef = ReturnType<typeof defineOwner>

/** `TokenOwnerInput`: who is meant, in lists as in `invalidateToken`. */
export function defineOwnerInput(builder: Builder) {
  const realmUser = builder.inputType('RealmUserInput', {
    description: 'One owner.',
    fields: (t) => ({
      realmName: t.string({ required: true, description: 'The realm.' }),
      username: t.string({ required: true, description: 'The name within the realm, compared byte for byte.' }),
    }),
  })
  return builder.inputType('TokenOwnerInput', {
    isOneOf: true,
    description:
      'Whose tokens: exactly one of a realm, a username, or both as `realmUser`. Both have a member of their own so that a forgotten variable can never widen one owner to a whole realm.',
    fields: (t) => ({
      realmName: t.string({ description: 'Everybody in this realm.' }),
      username: t.string({ description: 'This name, in every realm.' }),
      realmUser: t.field({ type: realmUser, description: 'This name, in this realm.' }),
    }),
  })
}

export type OwnerInputRef = ReturnType<typeof defineOwnerInput>

interface OwnerInput {
  readonly realmName?: string | null | undefined
  readonly username?: string | null | undefined
  readonly realmUser?: { readonly realmName: string; readonly username: string } | null | undefined
}

/** graphql-js has seen to it that exactly one field is there; a member added without a line here must not pass. */
export function readOwnerInput({ realmName, username, realmUser }: OwnerInput): OwnerScope {
  if (realmName != null) return { kind: 'realm', realm: realmName }
  if (username != null) return { kind: 'username', username }
  if (realmUser != null) return { kind: 'realm-user', realm: realmUser.realmName, username: realmUser.username }
  throw badInput('Expected exactly one field in `owner`')
}
