import type { Device, Session, StoredSession } from '../tokens/store.ts'
import type { Builder, GraphContext } from './builder.ts'
import { readId } from './connection.ts'
import { declareEntity } from './federation.ts'

/** `TokenSession`: what all pairs that descend from one login have in common. */
export function defineSession(builder: Builder) {
  const device = defineDevice(builder)
  const tokenSession = builder.objectRef<Session>('TokenSession').implement({
    description: 'One login, with all token pairs that descend from it by refreshing. For a person: a device.',
    fields: (t) => ({
      id: t.id({
        description: 'Names the session. Not a secret: it may stand in a log, and it gives no access.',
        resolve: (session) => String(session.id),
      }),
      realmName: t.string({
        description: 'The realm of the owner.',
        resolve: (session) => session.owner.realm,
      }),
      username: t.string({
        description: 'The owner, whom the tokens speak for, within the realm.',
        resolve: (session) => session.owner.username,
      }),
      clientId: t.string({
        description: 'The client that created it: the login service.',
        resolve: described(({ clientId }) => clientId),
      }),
      device: t.field({
        type: device,
        description: 'What the login service said of the device.',
        resolve: described((session) => session.device),
      }),
      createdAt: t.field({
        type: 'DateTime',
        description: 'When the login was made.',
        resolve: described(({ startedAt }) => startedAt),
      }),
      lastRefreshedAt: t.field({
        type: 'DateTime',
        nullable: true,
        description: 'When a refresh token of it was last spent; null before the first time.',
        resolve: described(({ lastRefreshedAt }) => lastRefreshedAt),
      }),
      expiresAt: t.field({
        type: 'DateTime',
        description: 'When it ends by itself unless it is refreshed before.',
        resolve: described(({ expiresAt }) => expiresAt),
      }),
      isLive: t.boolean({
        description: 'Whether a token of it is good for anything right now.',
        resolve: described(({ isLive }) => isLive),
      }),
      isCurrent: t.boolean({
        description: 'Whether the access token that this request was made with is of this session.',
        resolve: ({ id }, _args, { caller }) => caller.kind === 'owner' && caller.token.session.id === id,
      }),
    }),
  })
  declareEntity(builder, tokenSession, builder.selection<{ id: string }>('id'), (keys, { tokens, caller }) =>
    Promise.all(keys.map(({ id }) => tokens.findSession(readId(id), caller))),
  )
  return tokenSession
}

export type SessionRef = ReturnType<typeof defineSession>

function defineDevice(builder: Builder) {
  return builder.objectRef<Device>('TokenDevice').implement({
    description: 'The device of a login, as the login service described it. Null is what it did not say.',
    fields: (t) => ({
      label: t.string({
        nullable: true,
        description: 'What its owner calls it, for example `Work laptop`.',
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

/** A session that came with a token is only named; the rest is looked up when it is asked for, once. */
function described<Value>(read: (session: StoredSession) => Value) {
  return async (session: Session, _args: object, { tokens }: GraphContext): Promise<Value> => {
    const stored = isStored(session) ? session : await describeOnce(tokens, session)
    if (stored === undefined) throw new Error('A session was let go between two looks at it')
    return read(stored)
  }
}

const descriptions = new WeakMap<Session, Promise<StoredSession | undefined>>()

/** The fields of one object share a look-up; the objects of a list share its statement. */
export function describeOnce(tokens: GraphContext['tokens'], session: Session): Promise<StoredSession | undefined> {
  const known = descriptions.get(session) ?? tokens.describe(session)
  descriptions.set(session, known)
  return known
}

export function isStored(session: Session): session is StoredSession {
  return 'startedAt' in session
}
