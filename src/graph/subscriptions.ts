import type { FeedEvent } from '../tokens/live/subscriptions.ts'
import type { Builder } from './builder.ts'
import type { RevocationRef } from './revocation.ts'

/** `tokenInvalidated` and `revocationFeed`. */
export function defineSubscriptions(builder: Builder, revocation: RevocationRef): void {
  builder.subscriptionType({
    description:
      'What can be listened to, as server-sent events (`Accept: text/event-stream`, by POST or GET). When the service stops, streams complete: subscribe again, and another instance answers.',
  })
  builder.subscriptionField('tokenInvalidated', (t) =>
    t.field({
      type: revocation,
      description: [
        'Tells a signed-in page that it was logged out: one event when the access token that this request was made with is ended, alone, with its session, or with all tokens of its owner. Then it completes.',
        'It completes without an event when the access token expires by itself, and when the service stops: get a new token by `refreshTokenPair`, and subscribe again with it.',
        'Needs `Authorization: Bearer <access token>`.',
      ].join('\n\n'),
      subscribe: (_, _args, { tokens, caller }) => tokens.watchToken(caller),
      resolve: (ended) => ended,
    }),
  )
  const event = defineEvent(builder, revocation)
  builder.subscriptionField('revocationFeed', (t) =>
    t.field({
      type: event,
      description: [
        'For gateways that refuse invalidated tokens themselves: every invalidation, once, as it comes to sight. First what came after `after`, then whatever comes; nothing is left out, however slow the reader and whatever was cut.',
        'The first event comes at once, without revocations if there are none, so that the reader knows that it is connected and from where on.',
        'Needs the scope `manage_token`, and completes before the next event once the caller has lost it.',
      ].join('\n\n'),
      args: {
        after: t.arg.id({
          description:
            'The `cursor` of the last event that was worked off, from this or any other instance. Left out, it begins with the oldest revocation that is kept.',
        }),
      },
      subscribe: (_, { after }, { tokens, caller }) =>
        tokens.followRevocations(after == null ? undefined : String(after), caller),
      resolve: (step) => step,
    }),
  )
}

function defineEvent(builder: Builder, revocation: RevocationRef) {
  return builder.objectRef<FeedEvent>('RevocationFeedEvent').implement({
    description: 'What has been appended to the record of invalidations since the event before.',
    fields: (t) => ({
      cursor: t.id({
        description:
          'Where this event ends. Given back as `after`, the feed goes on behind it: on any instance, after any cut. Opaque.',
        resolve: ({ cursor }) => cursor,
      }),
      revocations: t.field({
        type: [revocation],
        description:
          'In order of their revision within the event; at most 500. One that was made a moment ago may have no counts yet.',
        resolve: ({ revocations }) => [...revocations],
      }),
      hasGap: t.boolean({
        description:
          'True when something after `after` is no longer kept, or the database was replaced: the feed begins again at the beginning of what is kept, with this event. What is gone could not cover any token that is still alive.',
        resolve: ({ hasGap }) => hasGap,
      }),
    }),
  })
}
