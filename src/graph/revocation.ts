import { answerLookups } from '../tokens/answer-lookups.ts'
import type { Revocation } from '../tokens/coverage.ts'
import { invalidationReasons } from '../tokens/invalidation-reasons.ts'
import { initiatingEntity, mayReadCounts, mayReadDetails } from '../tokens/revocation-access.ts'
import type { Builder } from './builder.ts'
import { readId } from './connection.ts'
import { declareEntity } from './federation.ts'
import { type InvalidationResultRef, toInt } from './invalidation.ts'
import type { ReasonRef } from './reason.ts'
import { isStored, loadSessionOnce, type SessionRef } from './session.ts'

interface Refs {
  readonly tokenSession: SessionRef
  readonly invalidation: InvalidationResultRef
  readonly reason: ReasonRef
}

/** `Revocation`, the record of one invalidation, and the fields that lead to it. */
export function defineRevocation(builder: Builder, refs: Refs) {
  const revocation = defineRecord(builder, refs)
  declareEntity(builder, revocation, {
    key: builder.selection<{ id: string }>('id'),
    find: (keys, { tokens, caller }) => Promise.all(keys.map(({ id }) => tokens.findRevocation(readId(id), caller))),
  })
  defineLinks(builder, revocation, refs)
  return revocation
}

function defineRecord(builder: Builder, { reason }: Refs) {
  const selector = defineSelector(builder)
  const entity = defineInitiatingEntity(builder)
  return builder.objectRef<Revocation>('Revocation').implement({
    description: 'The record of one invalidation.',
    fields: (t) => ({
      id: t.id({ description: 'The id of this record.', resolve: ({ revision }) => String(revision) }),
      selector: t.field({
        type: selector,
        description: 'What the invalidation selected.',
        resolve: (one) => one.selector,
      }),
      realmName: t.string({
        nullable: true,
        description: 'The realm concerned. Null for a username in all realms, a client, and everything.',
        resolve: ({ realm }) => realm,
      }),
      username: t.string({
        nullable: true,
        description: 'The username of the owner concerned. Null for a whole realm, a client, and everything.',
        resolve: ({ username }) => username,
      }),
      clientId: t.id({
        nullable: true,
        description: 'The client whose sessions were ended. Null for all other selectors.',
        resolve: ({ clientId }) => clientId,
      }),
      pairId: t.id({
        nullable: true,
        description:
          'The pair of the single token that was invalidated; `selector` says which of its tokens. Null for all other selectors. For guards: a token carries the id of its pair.',
        resolve: ({ pairId }) => (pairId === undefined ? null : String(pairId)),
      }),
      bound: t.id({
        nullable: true,
        description:
          'Sessions with a lower id are covered, except `sparedSessionId`. Null for a single token. For guards: it decides which logins were made before.',
        resolve: ({ bound }) => (bound === undefined ? null : String(bound)),
      }),
      sessionId: t.id({
        nullable: true,
        description:
          'The session that was ended, or the session of the token that was invalidated. Null if sessions of an owner, a client or all were selected.',
        resolve: ({ sessionId }) => (sessionId === undefined ? null : String(sessionId)),
      }),
      sparedSessionId: t.id({
        nullable: true,
        description: 'The session that was kept because of `keepCurrentSession`.',
        resolve: ({ sparedSessionId }) => (sparedSessionId === undefined ? null : String(sparedSessionId)),
      }),
      at: t.field({ type: 'DateTime', description: 'When the invalidation was made.', resolve: ({ at }) => at }),
      initiatingEntity: t.field({
        type: entity,
        description: 'Who initiated the invalidation.',
        resolve: initiatingEntity,
      }),
      invalidatedBy: t.string({
        nullable: true,
        description:
          'The caller, as `client:ID`, `owner:REALM/USERNAME`, `operator:NAME` (at the command line), `anonymous` (a caller that held the token) or `system:…`. Null for a reader that neither made the invalidation nor has `manage_token`.',
        resolve: (one, _args, { caller }) => (mayReadDetails(one, caller) ? one.caller : null),
      }),
      reason: t.field({
        type: reason,
        nullable: true,
        description: 'The reason that the caller gave.',
        resolve: (one) => invalidationReasons.find((known) => known === one.reason),
      }),
      comment: t.string({
        nullable: true,
        description:
          'The note of the caller. Null for a reader that neither made the invalidation nor has `manage_token`.',
        resolve: (one, _args, { caller }) => (mayReadDetails(one, caller) ? one.comment : null),
      }),
      invalidatedTokens: t.int({
        nullable: true,
        description:
          'The number of tokens that were invalidated. Null until they are counted. If more than one owner is concerned, also null for a reader that neither made the invalidation nor has `manage_token`.',
        resolve: (one, _args, { caller }) =>
          mayReadCounts(one, caller) ? one.counts && toInt(one.counts.invalidated) : null,
      }),
      previouslyInvalidatedTokens: t.int({
        nullable: true,
        description:
          'The number of tokens that were covered and had been invalidated before. Null whenever `invalidatedTokens` is.',
        resolve: (one, _args, { caller }) =>
          mayReadCounts(one, caller) ? one.counts && toInt(one.counts.previouslyInvalidated) : null,
      }),
    }),
  })
}

function defineSelector(builder: Builder) {
  return builder.enumType('RevocationSelector', {
    description: 'What an invalidation selected.',
    values: {
      ACCESS_TOKEN: { value: 'access-token', description: 'One access token.' },
      REFRESH_TOKEN: { value: 'refresh-token', description: 'One refresh token.' },
      SESSION: { value: 'session', description: 'One session, with all token pairs refreshed in it.' },
      OWNER: { value: 'owner', description: 'All sessions of an owner, of a realm, or of a username in all realms.' },
      CLIENT: { value: 'client', description: 'All sessions that one client created.' },
      EVERYTHING: { value: 'everything', description: 'All sessions.' },
    } as const,
  })
}

function defineInitiatingEntity(builder: Builder) {
  return builder.enumType('InitiatingEntity', {
    description: 'Who initiated an invalidation (OpenID CAEP 1.0, `initiating_entity`).',
    values: {
      ADMIN: { value: 'admin', description: 'A caller that administers the tokens of other owners.' },
      USER: { value: 'user', description: 'The owner of the tokens, or a caller that held one of them.' },
      POLICY: { value: 'policy', description: 'A policy was evaluated. This service has none of its own.' },
      SYSTEM: { value: 'system', description: 'This service itself: a refresh token was used again.' },
    } as const,
  })
}

/** The revocation that ended a session, and the record of an invalidation that was just made. */
function defineLinks(builder: Builder, revocation: RecordRef, { tokenSession, invalidation }: Refs): void {
  builder.objectField(tokenSession, 'revocation', (t) =>
    t.field({
      type: revocation,
      nullable: true,
      description:
        'The invalidation that ended the session as a whole. Null while the session is live, and if it expired or its tokens were invalidated one by one.',
      resolve: async (session, _args, { tokens }) => {
        const stored = isStored(session) ? session : await loadSessionOnce(tokens, session)
        return stored?.endedBy === undefined ? undefined : tokens[answerLookups].revocation(stored.endedBy)
      },
    }),
  )
  builder.objectField(invalidation, 'revocation', (t) =>
    t.field({
      type: revocation,
      nullable: true,
      description: 'The record of this invalidation. Null for a dry run, and if there was nothing new to invalidate.',
      resolve: ({ revision }, _args, { tokens }) =>
        revision === undefined ? undefined : tokens[answerLookups].revocation(revision),
    }),
  )
}

type RecordRef = ReturnType<typeof defineRecord>

export type RevocationRef = ReturnType<typeof defineRevocation>
