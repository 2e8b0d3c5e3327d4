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
      'An access token and, usually, a refresh token. They are shown here once and cannot be shown again: the service keeps only their digests.',
    fields: (t) => ({
      accessToken: t.exposeString('accessToken', {
        description: 'Send it as `Authorization: Bearer …`. Opaque; begins with `ita_`.',
      }),
      refreshToken: t.string({
        nullable: true,
        description:
          'Can be exchanged once for a new pair. Opaque; begins with `itr_`. Null if the pair was created without one.',
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
        description: 'When the refresh token expires. Null if there is none.',
        resolve: (pair) => pair.refresh?.expiresAt,
      }),
      scopes: t.stringList({
        description: 'What the access token may be used for.',
        resolve: (pair) => [...pair.scopes],
      }),
      session: t.field({
        type: tokenSession,
        description: 'The session that the pair belongs to.',
        resolve: (pair) => pair.session,
      }),
    }),
  })
}

function defineIssueInput(builder: Builder) {
  const device = builder.inputType('TokenDeviceInput', {
    description: [
      'The device that logs in. This description is kept with the session through every refresh.',
      'No text is refused here, because a device must not prevent the login of its owner. Control characters become a space, white space at the ends is removed, lone surrogates become U+FFFD, and a token or a client’s secret becomes `[token]`. A text that is empty then becomes null.',
    ].join('\n\n'),
    fields: (t) => ({
      label: t.string({ description: 'The name that its owner gives it, cut off after 100 characters.' }),
      userAgent: t.string({ description: 'Its `User-Agent` header, cut off after 512 characters.' }),
      ipAddress: t.string({
        description:
          'The address that the login comes from, IPv4 or IPv6. A port (`192.0.2.1:8000`, `[2001:db8::1]:443`) and a zone (`%eth0`) are removed. Of a list as in `X-Forwarded-For` the first element counts. Text that is no address becomes null.',
      }),
    }),
  })
  return builder.inputType('CreateTokenPairInput', {
    description: 'The owner of the new pair, and what the pair may be used for.',
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
          'What the pair may be used for: at most 64 scopes (RFC 6749 §3.3). `create_token`, `introspect_token`, `manage_token`, `manage_clients` and `follow_revocations` have a meaning for this service, and only a caller that has them may grant them.',
      }),
      device: t.field({ type: device, description: 'The device that logs in, for its owner’s list of devices.' }),
      withoutRefreshToken: t.boolean({
        description:
          'True for an access token without a refresh token, as for a machine that can always request another. False by default.',
      }),
    }),
  })
}

function defineIssue(builder: Builder, tokenPair: TokenPairRef): void {
  const input = defineIssueInput(builder)
  builder.mutationField('createTokenPair', (t) =>
    t.field({
      type: tokenPair,
      description:
        'Creates a session for an owner, and its first token pair. For a trusted login service that has verified who the owner is: needs a client with the scope `create_token`.',
      args: {
        input: t.arg({ type: input, required: true, description: 'The owner, and what the pair may be used for.' }),
      },
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
  invalid:
    'Not a refresh token of this service, or one so old that it was deleted, or an access token: send the refresh token. Otherwise log in again.',
  expired: 'The refresh token has expired. Log in again.',
  'already-used':
    'The refresh token was used before, longer ago than the grace window. It may have been stolen, so the whole session was ended (RFC 9700 §4.14.2). Log in again.',
  invalidated: 'The refresh token, its session or all tokens of its owner were invalidated. Log in again.',
}

function defineRefreshResult(builder: Builder, tokenPair: TokenPairRef) {
  const rejection = builder.enumType('RefreshTokenRejection', {
    description:
      'Why a refresh token was rejected. The owner has to log in again, unless another token was sent by mistake.',
    values: {
      INVALID: { value: 'invalid', description: rejectionMessages.invalid },
      EXPIRED: { value: 'expired', description: rejectionMessages.expired },
      ALREADY_USED: { value: 'already-used', description: rejectionMessages['already-used'] },
      INVALIDATED: { value: 'invalidated', description: rejectionMessages.invalidated },
    } as const,
  })
  const rejected = builder.objectRef<Rejection>('RefreshTokenRejected').implement({
    description: 'The refresh token was rejected. This is an expected outcome, so it is an answer and not an error.',
    fields: (t) => ({
      code: t.field({ type: rejection, description: 'The reason, for programs.', resolve: ({ reason }) => reason }),
      message: t.string({
        description: 'The reason, for readers.',
        resolve: ({ reason }) => rejectionMessages[reason],
      }),
    }),
  })
  return builder.unionType('RefreshTokenPairResult', {
    description: 'A new pair, or the reason why the refresh token was rejected.',
    types: [tokenPair, rejected],
    resolveType: (answer) => ('reason' in answer ? rejected : tokenPair),
  })
}

function defineRefresh(builder: Builder, tokenPair: TokenPairRef): void {
  const result = defineRefreshResult(builder, tokenPair)
  const input = builder.inputType('RefreshTokenPairInput', {
    description: 'The refresh token to exchange.',
    fields: (t) => ({
      refreshToken: t.string({
        required: true,
        description: 'The refresh token, as `createTokenPair` or `refreshTokenPair` answered it.',
      }),
    }),
  })

  builder.mutationField('refreshTokenPair', (t) =>
    t.field({
      type: result,
      description:
        'Exchanges a refresh token for a new pair. Needs no credentials but the token. Each token works once; a repetition within the grace window (30 seconds by default) answers the same pair again, so that parallel tabs and lost answers do not log the owner out. The old access token stays valid until it expires.',
      args: { input: t.arg({ type: input, required: true, description: 'The refresh token.' }) },
      resolve: async (_, { input: { refreshToken } }, { tokens }) => {
        const answer = await tokens.refresh(refreshToken)
        return answer.outcome === 'refreshed' ? answer.pair : { reason: answer.reason }
      },
    }),
  )
}
