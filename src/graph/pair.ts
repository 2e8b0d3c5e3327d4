import type { IssuedPair } from '../tokens/pair.ts'
import type { RefreshRefusal } from '../tokens/refresh.ts'
import type { Builder } from './builder.ts'
import type { SessionRef } from './session.ts'

/** `createTokenPair` and `refreshTokenPair`. */
export function definePairs(builder: Builder, tokenSession: SessionRef): void {
  const tokenPair = defineTokenPair(builder, tokenSession)
  defineIssue(builder, tokenPair)
  defineRefresh(builder, tokenPair)
}

type TokenPairRef = ReturnType<typeof defineTokenPair>

function defineTokenPair(builder: Builder, tokenSession: SessionRef) {
  return builder.objectRef<IssuedPair>('TokenPair').implement({
    description:
      'An access token and, usually, a refresh token. They are shown here once and cannot be shown again: only their digests are kept.',
    fields: (t) => ({
      accessToken: t.exposeString('accessToken', {
        description: 'Send it as `Authorization: Bearer …`. Opaque, begins with `ita_`.',
      }),
      refreshToken: t.string({
        nullable: true,
        description: 'Buys one new pair, once. Opaque, begins with `itr_`. Null when the pair was created without one.',
        resolve: (pair) => pair.refresh?.token,
      }),
      tokenType: t.string({ description: 'Always `Bearer` (RFC 6750).', resolve: () => 'Bearer' }),
      expiresIn: t.int({
        description: 'Whole seconds until the access token expires.',
        resolve: (pair) => pair.expiresInSeconds,
      }),
      refreshExpiresAt: t.field({
        type: 'DateTime',
        nullable: true,
        description: 'When the refresh token expires. Null when there is none.',
        resolve: (pair) => pair.refresh?.expiresAt,
      }),
      scopes: t.stringList({
        description: 'What the access token may be used for.',
        resolve: (pair) => [...pair.scopes],
      }),
      session: t.field({
        type: tokenSession,
        description: 'The login that this pair descends from.',
        resolve: (pair) => pair.session,
      }),
    }),
  })
}

function defineIssue(builder: Builder, tokenPair: TokenPairRef): void {
  const device = builder.inputType('TokenDeviceInput', {
    description: 'What is known of the device that logs in. It stays with the session through every refresh.',
    fields: (t) => ({
      label: t.string({ description: 'What its owner calls it: at most 100 characters.' }),
      userAgent: t.string({ description: 'Its `User-Agent` header. What goes beyond 512 characters is cut off.' }),
      ipAddress: t.string({ description: 'The address that the login comes from, IPv4 or IPv6.' }),
    }),
  })
  const input = builder.inputType('CreateTokenPairInput', {
    description: 'For whom a pair is created, and what it allows.',
    fields: (t) => ({
      realmName: t.string({
        required: true,
        description: 'The realm of the owner: 1 to 255 characters, compared byte for byte.',
      }),
      username: t.string({
        required: true,
        description: 'The owner within the realm: 1 to 255 characters, compared byte for byte.',
      }),
      scopes: t.stringList({
        description:
          'What the pair may be used for (RFC 6749 §3.3): at most 64. `create_token`, `introspect_token` and `manage_token` have a meaning here, and only a caller that has them may grant them.',
      }),
      device: t.field({ type: device, description: 'The device that logs in, for its owner’s list of devices.' }),
      withoutRefreshToken: t.boolean({
        description: 'True for an access token alone, as for a machine that can always ask again. False by default.',
      }),
    }),
  })

  builder.mutationField('createTokenPair', (t) =>
    t.field({
      type: tokenPair,
      description:
        'Creates a session for an owner and its first token pair. For a trusted login service, after it has made sure who the owner is: needs a client with the scope `create_token`.',
      args: { input: t.arg({ type: input, required: true, description: 'For whom, and what it allows.' }) },
      resolve: (
        _,
        { input: { realmName, username, scopes, device: given, withoutRefreshToken } },
        { tokens, caller },
      ) =>
        tokens.issue(
          {
            owner: { realm: realmName, username },
            scopes: scopes ?? [],
            device: given ?? undefined,
            withoutRefreshToken: withoutRefreshToken ?? false,
          },
          caller,
        ),
    }),
  )
}

interface Rejection {
  readonly reason: RefreshRefusal
}

const rejectionMessages: Readonly<Record<RefreshRefusal, string>> = {
  invalid: 'Not a refresh token of this service, or one so old that it is forgotten. Log in again.',
  expired: 'Its lifetime is over. Log in again.',
  'already-used':
    'It was spent longer ago than the grace window. Somebody has a copy of it, so the whole session has been ended (RFC 9700 §4.14.2). Log in again.',
  invalidated: 'It, its session or all tokens of its owner were invalidated. Log in again.',
}

function defineRefresh(builder: Builder, tokenPair: TokenPairRef): void {
  const rejection = builder.enumType('RefreshTokenRejection', {
    description: 'Why a refresh token bought nothing. In every case the way on is to log in again.',
    values: {
      INVALID: { value: 'invalid', description: rejectionMessages.invalid },
      EXPIRED: { value: 'expired', description: rejectionMessages.expired },
      ALREADY_USED: { value: 'already-used', description: rejectionMessages['already-used'] },
      INVALIDATED: { value: 'invalidated', description: rejectionMessages.invalidated },
    } as const,
  })
  const rejected = builder.objectRef<Rejection>('RefreshTokenRejected').implement({
    description: 'The refresh token bought nothing. An expected outcome, so an answer and not an error.',
    fields: (t) => ({
      code: t.field({ type: rejection, description: 'The reason, for programs.', resolve: ({ reason }) => reason }),
      message: t.string({ description: 'The reason, for people.', resolve: ({ reason }) => rejectionMessages[reason] }),
    }),
  })
  const result = builder.unionType('RefreshTokenPairResult', {
    description: 'A new pair, or the reason why there is none.',
    types: [tokenPair, rejected],
    resolveType: (answer) => ('reason' in answer ? rejected : tokenPair),
  })
  const input = builder.inputType('RefreshTokenPairInput', {
    description: 'The refresh token to spend.',
    fields: (t) => ({
      refreshToken: t.string({
        required: true,
        description: 'As it was handed out by `createTokenPair` or `refreshTokenPair`.',
      }),
    }),
  })

  builder.mutationField('refreshTokenPair', (t) =>
    t.field({
      type: result,
      description:
        'Spends a refresh token on a new pair. Needs nothing but the token. It works once; asked again within the grace window (30 seconds by default) it hands out the very same pair, so that parallel tabs and lost answers log nobody out. The old access token lives on to its own expiry.',
      args: { input: t.arg({ type: input, required: true, description: 'The refresh token.' }) },
      resolve: async (_, { input: { refreshToken } }, { tokens }) => {
        const answer = await tokens.refresh(refreshToken)
        return answer.outcome === 'refreshed' ? answer.pair : { reason: answer.reason }
      },
    }),
  )
}
