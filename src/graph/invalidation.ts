import type { InvalidationAnswer, InvalidationError, InvalidationTarget } from '../tokens/invalidate.ts'
import { badInput, type OwnerScope } from '../tokens/owner.ts'
import type { Builder } from './builder.ts'

/** `invalidateToken`. */
export function defineInvalidation(builder: Builder): void {
  const input = defineInput(builder)
  const result = defineResult(builder)

  builder.mutationField('invalidateToken', (t) =>
    t.field({
      type: result,
      description: [
        'Ends tokens at once, and says how many. It has taken effect in the database when it answers.',
        'Needs nothing but the token for `token` and `refreshToken`: whoever holds a token may end it, also after it expired. For `owner`: the owner’s own access token for their own realm and username, else the scope `manage_token`.',
        'Safe to repeat: what was invalid already is counted in `previouslyInvalidatedTokens`. An unknown token is no error; both counts are 0.',
      ].join('\n\n'),
      args: { input: t.arg({ type: input, required: true, description: 'What to end: exactly one of its fields.' }) },
      resolve: (_, args, { tokens, caller }) => tokens.invalidate(readTarget(args.input), caller),
    }),
  )
}

function defineInput(builder: Builder) {
  const realmUser = builder.inputType('RealmUserInput', {
    description: 'One owner.',
    fields: (t) => ({
      realmName: t.string({ required: true, description: 'The realm.' }),
      username: t.string({ required: true, description: 'The name within the realm, compared byte for byte.' }),
    }),
  })
  const owner = builder.inputType('TokenOwnerInput', {
    isOneOf: true,
    description:
      'Whose tokens: exactly one of a realm, a username, or both as `realmUser`. Both have a member of their own so that a forgotten variable can never widen one owner to a whole realm.',
    fields: (t) => ({
      realmName: t.string({ description: 'Everybody in this realm.' }),
      username: t.string({ description: 'This name, in every realm.' }),
      realmUser: t.field({ type: realmUser, description: 'This name, in this realm.' }),
    }),
  })
  return builder.inputType('InvalidateTokenInput', {
    isOneOf: true,
    description: 'What to end: exactly one field.',
    fields: (t) => ({
      token: t.string({
        description:
          'An access token. It alone ends, expired or not; the refresh token of its pair lives on. Counts 1/0, and 0/1 when repeated.',
      }),
      refreshToken: t.string({
        description:
          'A refresh token. It alone ends, spent or not; the access token of its pair lives on. Counts 1/0, and 0/1 when repeated.',
      }),
      owner: t.field({
        type: owner,
        description:
          'All tokens of an owner. Ends every login made before now, with everything refreshed from it; later logins live. Counts both halves of each pair that still had a live half.',
      }),
    }),
  })
}

function defineResult(builder: Builder) {
  const errorCause = builder.objectRef<InvalidationError>('ErrorCause').implement({
    description: 'Why something could not be ended.',
    fields: (t) => ({
      type: t.exposeString('type', { description: 'The kind of error, for programs.' }),
      reason: t.exposeString('reason', { nullable: true, description: 'What happened, for people.' }),
    }),
  })
  builder.objectField(errorCause, 'causedBy', (t) =>
    t.expose('causedBy', { type: errorCause, nullable: true, description: 'The error behind this one.' }),
  )
  return builder.objectRef<InvalidationAnswer>('InvalidateTokenResult').implement({
    description:
      'How many tokens were ended. Tokens, not pairs: a pair is two, its access token and its refresh token. The counts are exact, also while others invalidate the same tokens: each token is counted as invalidated exactly once.',
    fields: (t) => ({
      invalidatedTokens: t.int({
        description: 'Tokens that this call ended. (2147483647, the largest Int, also stands for more.)',
        resolve: ({ invalidated }) => toInt(invalidated),
      }),
      previouslyInvalidatedTokens: t.int({
        description: 'Tokens that this call covers and that had been invalidated before it.',
        resolve: ({ previouslyInvalidated }) => toInt(previouslyInvalidated),
      }),
      errorCount: t.int({
        description: 'Tokens that could not be ended.',
        resolve: ({ errors }) => errors.length,
      }),
      errorDetails: t.field({
        type: [errorCause],
        nullable: true,
        description: 'One entry for each error. Null when `errorCount` is 0.',
        resolve: ({ errors }) => (errors.length === 0 ? null : errors),
      }),
    }),
  })
}

/** An Int has 32 bits. An error here would come after the commit: it would call a success a failure. */
export function toInt(count: number): number {
  return Math.min(count, 2_147_483_647)
}

interface TargetInput {
  readonly token?: string | null | undefined
  readonly refreshToken?: string | null | undefined
  readonly owner?: OwnerInput | null | undefined
}

interface OwnerInput {
  readonly realmName?: string | null | undefined
  readonly username?: string | null | undefined
  readonly realmUser?: { readonly realmName: string; readonly username: string } | null | undefined
}

/** graphql-js has seen to it that exactly one field is there; a member added without a line here must not pass. */
function readTarget({ token, refreshToken, owner }: TargetInput): InvalidationTarget {
  if (token != null) return { kind: 'access-token', token }
  if (refreshToken != null) return { kind: 'refresh-token', token: refreshToken }
  if (owner != null) return { kind: 'owner', scope: readScope(owner) }
  throw badInput('Expected exactly one field in `input`')
}

function readScope({ realmName, username, realmUser }: OwnerInput): OwnerScope {
  if (realmName != null) return { kind: 'realm', realm: realmName }
  if (username != null) return { kind: 'username', username }
  if (realmUser != null) return { kind: 'realm-user', realm: realmUser.realmName, username: realmUser.username }
  throw badInput('Expected exactly one field in `input.owner`')
}
