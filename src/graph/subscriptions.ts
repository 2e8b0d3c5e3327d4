import type { GuardFeedEvent } from '../tokens/live/guard-feed.ts'
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
        'Needs the scope `manage_token`, and with `forGuard` the scope `follow_revocations` instead. If the caller loses the scope, the stream completes before the next event, and with `forGuard` at the next heartbeat.',
      ].join('\n\n'),
      args: {
        after: t.arg.id({
          description:
            'The `cursor` of the last event that the reader has processed, from this or any other instance. If it is left out, the feed begins with the oldest revocation that is kept.',
        }),
        forGuard: t.arg.boolean({
          defaultValue: false,
          description:
            'For a guard: begins with what can still cover a live access token, sends `block` instead of `revocations`, and a heartbeat each second.',
        }),
      },
      subscribe: (
        _,
        { after, forGuard },
        { tokens, caller },
      ): Promise<AsyncIterableIterator<FeedEvent | GuardFeedEvent>> => {
        const cursor = after == null ? undefined : String(after)
        return forGuard ? tokens.followForGuard(cursor, caller) : tokens.followRevocations(cursor, caller)
      },
      resolve: (step) => step,
    }),
  )
}

function defineEvent(builder: Builder, revocation: RevocationRef) {
  return builder.objectRef<FeedEvent | GuardFeedEvent>('RevocationFeedEvent').implement({
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
          'At most 500 revocations, ordered by revision within the event. One that was made a moment ago may have no counts yet. Empty with `forGuard`.',
        resolve: (event) => ('revocations' in event ? [...event.revocations] : []),
      }),
      hasGap: t.boolean({
        description:
          'True if a revocation after `after` is no longer kept, or if the database was replaced: the feed then begins again, with this event, at the oldest revocation that is kept. The revocations that are missing could not cover a token that is still valid.',
        resolve: ({ hasGap }) => hasGap,
      }),
      epoch: t.id({
        description:
          'Names the history of the database. Within one, no id is used twice. With another epoch, forget all that you know of tokens.',
        resolve: ({ epoch }) => epoch,
      }),
      block: t.string({
        nullable: true,
        description:
          'With `forGuard`: the revocations of this event in a compact encoding, in base64url. Null in a heartbeat.',
        resolve: (event) => blockText(event),
      }),
      arrivedAt: t.float({
        nullable: true,
        description:
          'With `forGuard`, in the first event: when this subscription arrived, in milliseconds of the same clock as `readAt`.',
        resolve: (event) => ('readAt' in event ? event.arrivedAt : null),
      }),
      readAt: t.float({
        nullable: true,
        description:
          'With `forGuard`: everything that was committed by then was sent by the end of this event, if `isComplete`. In milliseconds on a clock of this instance: compare it only with `arrivedAt` of the same stream.',
        resolve: (event) => ('readAt' in event ? event.readAt : null),
      }),
      isComplete: t.boolean({
        nullable: true,
        description: 'With `forGuard`: false while more events follow at once, of a snapshot or of what was missed.',
        resolve: (event) => ('readAt' in event ? event.isComplete : null),
      }),
    }),
  })
}

/** A block as the schema shows it. */
export function blockText(event: FeedEvent | GuardFeedEvent): string | null {
  return 'block' in event && event.block !== undefined ? Buffer.from(event.block).toString('base64url') : null
}
