import type { FeedEvent } from '../tokens/live/subscriptions.ts'
import type { Builder } from './builder.ts'
import type { RevocationRef } from './revocation.ts'

/** `tokenInvalidated` and `revocationFeed`. */
export function defineSubscriptions(builder: Builder, revocation: RevocationRef): void {
  builder.subscriptionType({
    description:
      'Streams of server-sent events (`Accept: text/event-stream`, by POST or GET). When the service stops, the streams complete: subscribe again, and another instance answers.',
  })
  builder.subscriptionField('tokenInvalidated', (t) =>
    t.field({
      type: revocation,
      description: [
        'Notifies a page that it was logged out: sends one event when the access token that this request was sent with is invalidated, alone, with its session, or with all tokens of its owner. Then it completes.',
        'It completes without an event when the access token expires, and when the service stops: get a new token by `refreshTokenPair`, and subscribe again with it.',
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
        'For gateways that refuse invalidated tokens themselves: sends every revocation once, as soon as it is visible. First come the revocations after `after`, then new ones. None is left out, however slow the reader is and however often the connection is lost.',
        'The first event is sent at once, even without revocations, so that the reader knows that it is connected, and from which cursor on.',
        'Needs the scope `manage_token`. If the caller loses the scope, the stream completes before the next event.',
      ].join('\n\n'),
      args: {
        after: t.arg.id({
          description:
            'The `cursor` of the last event that the reader has processed, from this or any other instance. If it is left out, the feed begins with the oldest revocation that is kept.',
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
    description: 'The revocations that were recorded since the previous event.',
    fields: (t) => ({
      cursor: t.id({
        description:
          'The position of this event. If it is passed as `after`, the feed continues after this event: on any instance, after any interruption. Opaque.',
        resolve: ({ cursor }) => cursor,
      }),
      revocations: t.field({
        type: [revocation],
        description:
          'At most 500 revocations, ordered by revision within the event. One that was made a moment ago may have no counts yet.',
        resolve: ({ revocations }) => [...revocations],
      }),
      hasGap: t.boolean({
        description:
          'True if a revocation after `after` is no longer kept, or if the database was replaced: the feed then begins again, with this event, at the oldest revocation that is kept. The revocations that are missing could not cover a token that is still valid.',
        resolve: ({ hasGap }) => hasGap,
      }),
    }),
  })
}
