import type { ActiveToken } from '../tokens/caller.ts'
import type { Introspection } from '../tokens/introspect.ts'
import type { Builder } from './builder.ts'
import type { SessionRef } from './session.ts'

/** `currentToken` and `introspectToken`. */
export function defineIntrospection(builder: Builder, tokenSession: SessionRef): void {
  const tokenIntrospection = builder.objectRef<Introspection>('TokenIntrospection').implement({
    description:
      'The state of a token (RFC 7662). If `active` is false, every other field is null: unknown, malformed, expired, used and invalidated tokens all look the same.',
    fields: (t) => ({
      active: t.exposeBoolean('active', { description: 'Whether the token is valid now.' }),
      realmName: t.string({
        nullable: true,
        description: 'The realm of the owner.',
        resolve: ifActive((token) => token.session.owner.realm),
      }),
      username: t.string({
        nullable: true,
        description: 'The username of the owner within the realm.',
        resolve: ifActive((token) => token.session.owner.username),
      }),
      scopes: t.stringList({
        nullable: true,
        description: 'What the token may be used for.',
        resolve: ifActive((token) => [...token.scopes]),
      }),
      issuedAt: t.field({
        type: 'DateTime',
        nullable: true,
        description: 'When the token was issued.',
        resolve: ifActive((token) => token.issuedAt),
      }),
      expiresAt: t.field({
        type: 'DateTime',
        nullable: true,
        description: 'When the token expires, unless it is invalidated before.',
        resolve: ifActive((token) => token.expiresAt),
      }),
      clientId: t.string({
        nullable: true,
        description: 'The client that created the session.',
        resolve: ifActive((token) => token.clientId),
      }),
      session: t.field({
        type: tokenSession,
        nullable: true,
        description: 'The session that the token belongs to.',
        resolve: ifActive((token) => token.session),
      }),
    }),
  })

  builder.queryField('currentToken', (t) =>
    t.field({
      type: tokenIntrospection,
      nullable: true,
      description:
        'The access token that this request was sent with (`Authorization: Bearer …`), so that no token has to be passed as an argument. Null if the request was sent without one.',
      resolve: (_, _args, { caller }) => (caller.kind === 'owner' ? caller.token : null),
    }),
  )

  builder.queryField('introspectToken', (t) =>
    t.field({
      type: tokenIntrospection,
      description: 'The state of an access token or a refresh token. Needs the scope `introspect_token`.',
      args: { token: t.arg.string({ required: true, description: 'An access token or a refresh token.' }) },
      resolve: (_, { token }, { tokens, caller }) => tokens.introspect(token, caller),
    }),
  )
}

function ifActive<Value>(read: (token: ActiveToken) => Value): (token: Introspection) => Value | null {
  return (token) => (token.active ? read(token) : null)
}
