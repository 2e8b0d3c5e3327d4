import type { Revocation } from '../tokens/coverage.ts'
import { invalidationReasons } from '../tokens/invalidation-reasons.ts'
import { initiatingEntity, mayReadCounts, mayReadDetails } from '../tokens/revocation-access.ts'
import type { Builder } from './builder.ts'
import { readId } from './connection.ts'
import { declareEntity } from './federation.ts'
import { type ResultRef, toInt } from './invalidation.ts'
import type { ReasonRef } from './reason.ts'
import { describeOnce, isStored, type SessionRef } from './session.ts'

interface Refs {
  readonly tokenSession: SessionRef
  readonly invalidation: ResultRef
  readonly reason: ReasonRef
}

/** `Revocation`: what the log says of one invalidation; and the fields that lead to it. */
export function defineRevocation(builder: Builder, { tokenSession, invalidation, reason }: Refs) {
  const selector = builder.enumType('RevocationSelector', {
    description: 'What an invalidation named.',
    values: {
      ACCESS_TOKEN: { value: 'access-token', description: 'One access token.' },
      REFRESH_TOKEN: { value: 'refresh-token', description: 'One refresh token.' },
      SESSION: { value: 'session', description: 'One login, with all that was refreshed from it.' },
      OWNER: { value: 'owner', description: 'All logins of an owner, of a realm, or of a name in all realms.' },
      CLIENT: { value: 'client', description: 'All logins that one client created.' },
      EVERYTHING: { value: 'everything', description: 'All logins.' },
    } as const,
  })
  const entity = builder.enumType('InitiatingEntity', {
    description: 'Who set an invalidation off (OpenID CAEP 1.0, `initiating_entity`).',
    values: {
      ADMIN: { value: 'admin', description: 'Somebody who administers the tokens of others.' },
      USER: { value: 'user', description: 'The tokens’ owner, or whoever held one.' },
      POLICY: { value: 'policy', description: 'A policy was evaluated. This service has none of its own.' },
      SYSTEM: { value: 'system', description: 'This service itself: a refresh token was used again.' },
    } as const,
  })
  const revocation = builder.objectRef<Revocation>('Revocation').implement({
    description: 'The record of one invalidation.',
    fields: (t) => ({
      id: t.id({ description: 'Names the entry.', resolve: ({ revision }) => String(revision) }),
      selector: t.field({ type: selector, description: 'What it named.', resolve: (one) => one.selector }),
      realmName: t.string({
        nullable: true,
        description: 'The realm it was about; null for a name in all realms.',
        resolve: ({ realm }) => realm,
      }),
      username: t.string({
        nullable: true,
        description: 'The owner it was about; null for everybody in a realm.',
        resolve: ({ username }) => username,
      }),
      sessionId: t.id({
        nullable: true,
        description: 'The session that it ended, or one of whose tokens; null for an owner’s.',
        resolve: ({ sessionId }) => (sessionId === undefined ? null : String(sessionId)),
      }),
      sparedSessionId: t.id({
        nullable: true,
        description: 'The session that `keepCurrentSession` kept.',
        resolve: ({ sparedSessionId }) => (sparedSessionId === undefined ? null : String(sparedSessionId)),
      }),
      at: t.field({ type: 'DateTime', description: 'When it was made.', resolve: ({ at }) => at }),
      initiatingEntity: t.field({ type: entity, description: 'Who set it off.', resolve: initiatingEntity }),
      invalidatedBy: t.string({
        nullable: true,
        description:
          'The caller, as `client:ID`, `owner:REALM/USERNAME`, `operator:NAME` (at the command line), `anonymous` (whoever held the token) or `system:…`. Null for a reader who neither made it nor has `manage_token`.',
        resolve: (one, _args, { caller }) => (mayReadDetails(one, caller) ? one.caller : null),
      }),
      reason: t.field({
        type: reason,
        nullable: true,
        description: 'Why, as the caller gave it.',
        resolve: (one) => invalidationReasons.find((known) => known === one.reason),
      }),
      comment: t.string({
        nullable: true,
        description: 'The caller’s note. Null for a reader who neither made it nor has `manage_token`.',
        resolve: (one, _args, { caller }) => (mayReadDetails(one, caller) ? one.comment : null),
      }),
      invalidatedTokens: t.int({
        nullable: true,
        description:
          'Tokens that it ended. Null for the moment until they are counted, and where it was about more than one owner for a reader who neither made it nor has `manage_token`.',
        resolve: (one, _args, { caller }) =>
          mayReadCounts(one, caller) ? one.counts && toInt(one.counts.invalidated) : null,
      }),
      previouslyInvalidatedTokens: t.int({
        nullable: true,
        description: 'Tokens that it covered and that had been invalidated before. Null where `invalidatedTokens` is.',
        resolve: (one, _args, { caller }) =>
          mayReadCounts(one, caller) ? one.counts && toInt(one.counts.previouslyInvalidated) : null,
      }),
    }),
  })
  declareEntity(builder, revocation, builder.selection<{ id: string }>('id'), (keys, { tokens, caller }) =>
    Promise.all(keys.map(({ id }) => tokens.findRevocation(readId(id), caller))),
  )
  builder.objectField(tokenSession, 'revocation', (t) =>
    t.field({
      type: revocation,
      nullable: true,
      description:
        'What ended the session as a whole. Null while it lives, and where it expired or its tokens were ended one by one.',
      resolve: async (session, _args, { tokens }) => {
        const stored = isStored(session) ? session : await describeOnce(tokens, session)
        return stored?.endedBy === undefined ? undefined : tokens.revocation(stored.endedBy)
      },
    }),
  )
  builder.objectField(invalidation, 'revocation', (t) =>
    t.field({
      type: revocation,
      nullable: true,
      description: 'The record of it. Null for a dry run, and where there was nothing new to end.',
      resolve: ({ revision }, _args, { tokens }) => (revision === undefined ? undefined : tokens.revocation(revision)),
    }),
  )
  return revocation
}

export type RevocationRef = ReturnType<typeof defineRevocation>
