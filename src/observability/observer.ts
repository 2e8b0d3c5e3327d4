import { context, type Link, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api'
import {
  type Observer,
  observeNothing,
  type StreamName,
  statementNames,
  streamNames,
  type TracePoint,
} from '../events/observer.ts'
import { TokenServiceError } from '../tokens/errors.ts'
import type { Metrics } from './metrics.ts'

/** Records the work of the service in metrics and in traces. Without metrics, only in traces. */
export function createObserver(metrics: Metrics | undefined, tracer: Tracer): Observer {
  // Prometheus sees no increase in a counter that begins at one.
  for (const name of statementNames) metrics?.count('statement_failures_total', [name], 0)
  return {
    ...observeNothing,
    here: () => trace.getActiveSpan(),
    statement: async (name, places, run) => {
      const startedAt = performance.now()
      try {
        return await traced(tracer, { name: `statement ${name}`, kind: SpanKind.CLIENT, links: linksOf(places) }, run)
      } catch (error) {
        metrics?.count('statement_failures_total', [name])
        throw error
      } finally {
        metrics?.record('statement_duration_seconds', [name], secondsSince(startedAt))
        metrics?.record('statement_items', [name], places.length)
      }
    },
    verb: async (name, run, outcomeOf) => {
      const startedAt = performance.now()
      let outcome = 'failed'
      try {
        const answer = await traced(tracer, { name: `verb ${name}`, kind: SpanKind.INTERNAL, links: [] }, run)
        outcome = outcomeOf(answer)
        return answer
      } catch (error) {
        if (error instanceof TokenServiceError) outcome = error.code.replace(/^ERR_/, '').toLowerCase()
        throw error
      } finally {
        metrics?.count('verbs_total', [name, outcome])
        metrics?.record('verb_duration_seconds', [name], secondsSince(startedAt))
      }
    },
    retention: ({ slots, revocations }) => {
      metrics?.count('retention_rounds_total')
      metrics?.count('retention_deleted_total', ['slots'], slots)
      metrics?.count('retention_deleted_total', ['revocations'], revocations)
      metrics?.set('retention_last_success_timestamp_seconds', [], Date.now() / 1000)
    },
    streamBegun: countStreams(metrics),
    feedRead: (lagMs) => metrics?.record('feed_lag_seconds', [], Math.max(0, lagMs / 1000)),
  }
}

function countStreams(metrics: Metrics | undefined): Observer['streamBegun'] {
  const open = new Map<StreamName, number>(streamNames.map((name) => [name, 0]))
  metrics?.beforeWriting(() => {
    for (const [name, count] of open) metrics.set('streams', [name], count)
  })
  const change = (name: StreamName, by: number) => void open.set(name, (open.get(name) ?? 0) + by)
  return (name) => {
    change(name, 1)
    return () => change(name, -1)
  }
}

function secondsSince(startedAt: number): number {
  return (performance.now() - startedAt) / 1000
}

interface SpanAsked {
  readonly name: string
  readonly kind: SpanKind
  readonly links: readonly Link[]
}

/** Without a tracer that records, the code runs as it is. Attributes hold no token, no name and no parameter. */
async function traced<Answer>(
  tracer: Tracer,
  { name, kind, links }: SpanAsked,
  run: () => Promise<Answer>,
): Promise<Answer> {
  const span = tracer.startSpan(name, { kind, links: [...links] })
  if (!span.isRecording()) return run()
  try {
    return await context.with(trace.setSpan(context.active(), span), run)
  } catch (error) {
    const message = error instanceof TokenServiceError ? error.code : 'failed'
    span.setStatus({ code: SpanStatusCode.ERROR, message })
    throw error
  } finally {
    span.end()
  }
}

/** A statement that several calls share is a child of the first, and refers to all of them. */
function linksOf(places: readonly TracePoint[]): readonly Link[] {
  return places.flatMap((place) => (isSpan(place) ? [{ context: place.spanContext() }] : []))
}

function isSpan(place: TracePoint): place is NonNullable<ReturnType<typeof trace.getActiveSpan>> {
  return typeof place === 'object' && place !== null && 'spanContext' in place
}
