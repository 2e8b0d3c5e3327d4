import { answerLookups } from '../tokens/answer-lookups.ts'
import type { Device, Session, StoredSession } from '../tokens/store.ts'
import type { Builder, GraphContext } from './builder.ts'
import { readId } from './connection.ts'
import { declareEntity } from './federation.ts'

/** `TokenSession`: what all pairs of one login have in common. */
export function defineSession(builder: Builder) {
  const device = defineDevice(builder)
  const tokenSession = builder.objectRef<Session>('TokenSession').implement({
    description: 'One login, with all token pairs refreshed from it. To its owner, a session is a device.',
    fields: (t) => ({
      id: t.id({
        description: 'The id of the session. Not a secret: it may be logged, and it gives no access.',
        resolve: (session) => String(session.id),
      }),
      realmName: t.string({
        description: 'The realm of the owner.',
        resolve: (session) => session.owner.realm,
      }),
      username: t.string({
        description: 'The username of the owner within the realm.',
        resolve: (session) => session.owner.username,
      }),
      clientId: t.string({
        description: 'The client that created the session: the login service.',
        resolve: fromStored(({ clientId }) => clientId),
      }),
      device: t.field({
        type: device,
        description: 'The device, as the login service described it.',
        resolve: fromStored((session) => session.device),
      }),
      createdAt: t.field({
        type: 'DateTime',
        description: 'When the session was created.',
        resolve: fromStored(({ startedAt }) => startedAt),
      }),
      lastRefreshedAt: t.field({
        type: 'DateTime',
        nullable: true,
        description: 'When a refresh token of the session was last used. Null before the first time.',
        resolve: fromStored(({ lastRefreshedAt }) => lastRefreshedAt),
      }),
      expiresAt: t.field({
        type: 'DateTime',
        description: 'When the session expires, unless it is refreshed before.',
        resolve: fromStored(({ expiresAt }) => expiresAt),
      }),
      isLive: t.boolean({
        description: 'Whether any token of the session is valid now.',
        resolve: fromStored(({ isLive }) => isLive),
      }),
      isCurrent: t.boolean({
        description: 'Whether the access token that this request was sent with belongs to this session.',
        resolve: ({ id }, _args, { caller }) => caller.kind === 'owner' && caller.token.session.id === id,
      }),
    }),
  })
  declareEntity(builder, tokenSession, {
    key: builder.selection<{ id: string }>('id'),
    find: (keys, { tokens, caller }) => Promise.all(keys.map(({ id }) => tokens.findSession(readId(id), caller))),
  })
  return tokenSession
}

export type SessionRef = ReturnType<typeof defineSession>

function defineDevice(builder: Builder) {
  return builder.objectRef<Device>('TokenDevice').implement({
    description: 'The device of a login, as the login service described it. A field that it left out is null.',
    fields: (t) => ({
      label: t.string({
        nullable: true,
        description: 'The name that its owner gives it, for example `Work laptop`.',
        resolve: ({ label }) => label,
      }),
      userAgent: t.string({
        nullable: true,
        description: 'Its `User-Agent` header.',
        resolve: ({ userAgent }) => userAgent,
      }),
      ipAddress: t.string({
        nullable: true,
        description: 'The address that the login came from.',
        resolve: ({ ipAddress }) => ipAddress,
      }),
    }),
  })
}

/** A session that came with a token has only its id and owner. Its other fields are looked up on demand, once. */
function fromStored<Value>(read: (session: StoredSession) => Value) {
  return async (session: Session, _args: object, { tokens }: GraphContext): Promise<Value> => {
    const stored = isStored(session) ? session : await loadSessionOnce(tokens, session)
    if (stored === undefined) throw new Error('A session was deleted between two reads')
    return read(stored)
  }
}

const loadedSessions = new WeakMap<Session, Promise<StoredSession | undefined>>()

/** The fields of one session share a look-up. The look-ups of all sessions in a list share a statement. */
export function loadSessionOnce(tokens: GraphContext['tokens'], session: Session): Promise<StoredSession | undefined> {
  const known = loadedSessions.get(session) ?? tokens[answerLookups].session(session)
  loadedSessions.set(session, known)
  return known
}

export function isStored(session: Session): session is StoredSession {
  return 'startedAt' in session
}
