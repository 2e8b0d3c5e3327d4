import { badInput } from '../tokens/input-fault.ts'
import type {
  InvalidationAnswer,
  InvalidationError,
  InvalidationOptions,
  InvalidationTarget,
} from '../tokens/invalidate.ts'
import type { InvalidationReason } from '../tokens/invalidation-reasons.ts'
import type { Builder } from './builder.ts'
import { readId } from './connection.ts'
import { type OwnerInputRef, readOwnerInput } from './owner.ts'
import type { ReasonRef } from './reason.ts'

export type InvalidationResultRef = ReturnType<typeof defineResult>

interface Refs {
  readonly ownerInput: OwnerInputRef
  readonly reason: ReasonRef
}

/** `invalidateToken`. Answers the reference to its result type, to which other files add fields. */
export function defineInvalidation(builder: Builder, refs: Refs) {
  const input = defineInput(builder, refs)
  const options = defineOptions(builder, refs)
  const result = defineResult(builder)

  builder.mutationField('invalidateToken', (t) =>
    t.field({
      type: result,
      description: [
        'Invalidates tokens at once, and answers how many. The answer comes after the change has taken effect in the database.',
        '`token` and `refreshToken` need no credentials: a caller that holds a token may invalidate it, even after it has expired. `session` and `owner` need an access token of the owner concerned, or the scope `manage_token`; `client` and `everything` need the scope `manage_token`.',
        'Repeating it is safe: tokens that had been invalidated before are counted in `previouslyInvalidatedTokens`. An unknown token is not an error; both counts are 0. A token with other characters around it or in it (`Bearer`, quotes, white space) is refused, because it would stay valid.',
      ].join('\n\n'),
      args: {
        input: t.arg({ type: input, required: true, description: 'What to invalidate: exactly one of its fields.' }),
        options: t.arg({
          type: options,
          description: 'How far the invalidation reaches, and what is recorded about it.',
        }),
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
    description: 'What to invalidate: exactly one field.',
    fields: (t) => ({
      token: t.string({
        description:
          'An access token; a refresh token is refused here. Only this token is invalidated, expired or not; the refresh token of its pair is not affected. The counts are 1 and 0; when repeated, 0 and 1.',
      }),
      refreshToken: t.string({
        description:
          'A refresh token; an access token is refused here. Only this token is invalidated, used or not; the access token of its pair is not affected. The counts are 1 and 0; when repeated, 0 and 1.',
      }),
      session: t.id({
        description:
          'The `id` of a `TokenSession`: this session ends, with all token pairs refreshed in it. Counts both tokens of each pair that still had a valid token. To an owner, the session of another owner is unknown.',
      }),
      owner: t.field({
        type: ownerInput,
        description:
          'All tokens of an owner, a realm or a username. Every session created before now ends, with all token pairs refreshed in it; sessions created later are not affected. Counts both tokens of each pair that still had a valid token.',
      }),
      client: t.id({
        description:
          'The id of a client: every session that it created before now ends, for whichever owner. Meant for a client whose secret leaked. Counts both tokens of each pair that still had a valid token.',
      }),
      everything: t.boolean({
        description:
          'Only `true`: every session created before now ends. Meant for an incident, and for a database that was restored from a backup. Counts both tokens of each pair that still had a valid token.',
      }),
    }),
  })
}

function defineOptions(builder: Builder, { reason }: Refs) {
  return builder.inputType('InvalidateTokenOptions', {
    description:
      'How far an invalidation reaches, and what is recorded about it. Options that do not apply to the `input` are refused.',
    fields: (t) => ({
      wholeSession: t.boolean({
        description:
          'With `token` or `refreshToken`: the whole session ends, as RFC 7009 §2.1 suggests, and is counted as with `session`.',
      }),
      keepCurrentSession: t.boolean({
        description:
          'With `owner`, `client` or `everything`: all sessions end except the one that sends this request, as after a change of password. Needs an access token (`Authorization: Bearer …`).',
      }),
      issuedBefore: t.field({
        type: 'DateTime',
        description:
          'With `owner`, `client` or `everything`: only sessions created before this instant end, with all token pairs refreshed in them, even later ones.',
      }),
      expectAtMost: t.int({
        description:
          'With `owner`, `client` or `everything`: nothing is changed, and the error has the code `MORE_THAN_EXPECTED`, if more tokens than this would be invalidated. They are counted just before; sessions created in between end as well.',
      }),
      dryRun: t.boolean({ description: 'Counts the tokens that would be invalidated, and changes nothing.' }),
      reason: t.field({ type: reason, description: 'The reason, for the record.' }),
      comment: t.string({ description: 'A note for the record: at most 500 characters. It must not contain a token.' }),
    }),
  })
}

function defineResult(builder: Builder) {
  const errorCause = builder.objectRef<InvalidationError>('ErrorCause').implement({
    description: 'Why a token could not be invalidated.',
    fields: (t) => ({
      type: t.exposeString('type', { description: 'The kind of error, for programs.' }),
      reason: t.exposeString('reason', { nullable: true, description: 'What happened, for readers.' }),
    }),
  })
  builder.objectField(errorCause, 'causedBy', (t) =>
    t.expose('causedBy', { type: errorCause, nullable: true, description: 'The error that caused this one.' }),
  )
  return builder.objectRef<InvalidationAnswer>('InvalidateTokenResult').implement({
    description:
      'How many tokens were invalidated. A pair counts as two: its access token and its refresh token. The counts are exact even while other calls invalidate the same tokens: each token is counted as invalidated exactly once.',
    fields: (t) => ({
      invalidatedTokens: t.int({
        description:
          'The number of tokens that this call invalidated. (2147483647, the largest Int, also stands for more.)',
        resolve: ({ invalidated }) => toInt(invalidated),
      }),
      previouslyInvalidatedTokens: t.int({
        description: 'The number of tokens that this call covers and that had been invalidated before it.',
        resolve: ({ previouslyInvalidated }) => toInt(previouslyInvalidated),
      }),
      errorCount: t.int({
        description: 'The number of tokens that could not be invalidated.',
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

/** An Int has 32 bits. An error here would come after the commit, and report a success as a failure. */
export function toInt(count: number): number {
  return Math.min(count, 2_147_483_647)
}

interface TargetInput {
  readonly token?: string | null | undefined
  readonly refreshToken?: string | null | undefined
  readonly session?: string | number | null | undefined
  readonly owner?: Parameters<typeof readOwnerInput>[0] | null | undefined
  readonly client?: string | number | null | undefined
  readonly everything?: boolean | null | undefined
}

/** graphql-js guarantees that exactly one field is set. A field that is added without a line here must be refused. */
function readInvalidationInput({
  token,
  refreshToken,
  session,
  owner,
  client,
  everything,
}: TargetInput): InvalidationTarget {
  if (token != null) return { kind: 'access-token', token }
  if (refreshToken != null) return { kind: 'refresh-token', token: refreshToken }
  if (session != null) return { kind: 'session', id: readId(String(session)) }
  if (owner != null) return { kind: 'owner', scope: readOwnerInput(owner) }
  if (client != null) return { kind: 'client', clientId: String(client) }
  if (everything === true) return { kind: 'everything' }
  if (everything === false) throw badInput('Expected `everything` to be true, got false: name what to invalidate')
  throw badInput('Expected exactly one field in `input`')
}

interface OptionsInput {
  readonly wholeSession?: boolean | null | undefined
  readonly keepCurrentSession?: boolean | null | undefined
  readonly issuedBefore?: Date | null | undefined
  readonly expectAtMost?: number | null | undefined
  readonly dryRun?: boolean | null | undefined
  readonly reason?: InvalidationReason | null | undefined
  readonly comment?: string | null | undefined
}

function readOptions(given: OptionsInput): InvalidationOptions {
  return {
    wholeSession: given.wholeSession ?? false,
    keepCurrentSession: given.keepCurrentSession ?? false,
    issuedBefore: given.issuedBefore ?? undefined,
    expectAtMost: given.expectAtMost ?? undefined,
    dryRun: given.dryRun ?? false,
    reason: given.reason ?? undefined,
    comment: given.comment || undefined,
  }
}
