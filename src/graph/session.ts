import type { Session } from '../tokens/store.ts'
import type { Builder } from './builder.ts'

/** `TokenSession`: what all pairs that descend from one login have in common. */
export function defineSession(builder: Builder) {
  return builder.objectRef<Session>('TokenSession').implement({
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
    }),
  })
}

export type SessionRef = ReturnType<typeof defineSession>
