import type {
  InvalidationAnswer,
  InvalidationError,
  InvalidationOptions,
  InvalidationTarget,
} from '../tokens/invalidate.ts'
import type { InvalidationReason } from '../tokens/invalidation-reasons.ts'
import { badInput } from '../tokens/owner.ts'
import type { Builder } from './builder.ts'
import { readId } from './connection.ts'
import { type OwnerInputRef, readOwnerInput } from './owner.ts'
import type { ReasonRef } from './reason.ts'

export type ResultRef = ReturnType<typeof defineResult>

interface Refs {
  readonly ownerInput: OwnerInputRef
  readonly reason: ReasonRef
}

/** `invalidateToken`; answers the reference to its result, for what is added to it elsewhere. */
export function defineInvalidation(builder: Builder, refs: Refs) {
  const input = defineInput(builder, refs)
  const options = defineOptions(builder, refs)
  const result = defineResult(builder)

  builder.mutationField('invalidateToken', (t) =>
    t.field({
      type: result,
      description: [
        'Ends tokens at once, and says how many. It has taken effect in the database when it answers.',
        'Needs nothing but the token for `token` and `refreshToken`: whoever holds a token may end it, also after it expired. For `session` and `owner`: the owner’s own access token for what is theirs, else the scope `manage_token`.',
        'Safe to repeat: what was invalid already is counted in `previouslyInvalidatedTokens`. An unknown token is no error; both counts are 0.',
      ].join('\n\n'),
      args: {
        input: t.arg({ type: input, required: true, description: 'What to end: exactly one of its fields.' }),
        options: t.arg({ type: options, description: 'How far it reaches, and what is noted.' }),
      },
      resolve: (_, args, { tokens, caller }) =>
        tokens.invalidate(readInvalidationInput(args.input), caller, readOptions(args.options ?? {})),
    }),
  )
  return result
}

function defineInput(builder: Builder, { ownerInput }: Refs) {
  return builder.inputType('InvalidateTokenInput', {
    isOneOf: true,
    description: 'What to end: exactly one field.',
    fields: (t) => ({
      token: t.string({
        description:
          'An access token; a refresh token is refused here. It alone ends, expired or not; the refresh token of its pair lives on. Counts 1/0, and 0/1 when repeated.',
      }),
      refreshToken: t.string({
        description:
          'A refresh token; an access token is refused here. It alone ends, spent or not; the access token of its pair lives on. Counts 1/0, and 0/1 when repeated.',
      }),
      session: t.id({
        description:
          'The `id` of a `TokenSession`: one login ends, with everything refreshed from it. Counts both halves of each pair that still had a live half. For an owner, another’s session is unknown.',
      }),
      owner: t.field({
        type: ownerInput,
        description:
          'All tokens of an owner. Ends every login made before now, with everything refreshed from it; later logins live. Counts both halves of each pair that still had a live half.',
      }),
    }),
  })
}

function defineOptions(builder: Builder, { reason }: Refs) {
  return builder.inputType('InvalidateTokenOptions', {
    description:
      'How far an invalidation reaches, and what is noted. Options that say nothing about the `input` are refused.',
    fields: (t) => ({
      wholeSession: t.boolean({
        description:
          'With `token` or `refreshToken`: the whole login ends, as RFC 7009 §2.1 suggests, and counts like `session`.',
      }),
      keepCurrentSession: t.boolean({
        description:
          'With `owner`: all sessions end but the one that asks, as after a change of password. Needs an access token (`Authorization: Bearer …`).',
      }),
      issuedBefore: t.field({
        type: 'DateTime',
        description:
          'With `owner`: only logins made before this instant end, with everything refreshed from them, whenever that was.',
      }),
      dryRun: t.boolean({ description: 'Counts what would end, and changes nothing.' }),
      reason: t.field({ type: reason, description: 'Why, for the record.' }),
      comment: t.string({ description: 'A note for the record: at most 500 characters, and no token in it.' }),
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
  readonly session?: string | number | null | undefined
  readonly owner?: Parameters<typeof readOwnerInput>[0] | null | undefined
}

/** graphql-js has seen to it that exactly one field is there; a member added without a line here must not pass. */
function readInvalidationInput({ token, refreshToken, session, owner }: TargetInput): InvalidationTarget {
  if (token != null) return { kind: 'access-token', token }
  if (refreshToken != null) return { kind: 'refresh-token', token: refreshToken }
  if (session != null) return { kind: 'session', id: readId(String(session)) }
  if (owner != null) return { kind: 'owner', scope: readOwnerInput(owner) }
  throw badInput('Expected exactly one field in `input`')
}

interface OptionsInput {
  readonly wholeSession?: boolean | null | undefined
  readonly keepCurrentSession?: boolean | null | undefined
  readonly issuedBefore?: Date | null | undefined
  readonly dryRun?: boolean | null | undefined
  readonly reason?: InvalidationReason | null | undefined
  readonly comment?: string | null | undefined
}

function readOptions(given: OptionsInput): InvalidationOptions {
  return {
    wholeSession: given.wholeSession ?? false,
    keepCurrentSession: given.keepCurrentSession ?? false,
    issuedBefore: given.issuedBefore ?? undefined,
    dryRun: given.dryRun ?? false,
    reason: given.reason ?? undefined,
    comment: given.comment || undefined,
  }
}
