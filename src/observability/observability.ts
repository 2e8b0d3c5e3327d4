import { ProxyTracerProvider, trace } from '@opentelemetry/api'
import { type EmitEvent, events, limitNames } from '../events/events.ts'
import { type Observer, observeNothing } from '../events/observer.ts'
import type { EndedRequest, RequestObserver } from '../events/request-observer.ts'
import type { Tokens } from '../tokens/tokens.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { startMetricsServer } from './metrics-server.ts'
import { observeRequests } from './observe-requests.ts'
import { observeTokens } from './observe-tokens.ts'
import { createObserver } from './observer.ts'

/** Where metrics are served. */
export interface MetricsLocation {
  readonly port: number
  readonly host: string
}

/** What operators see of the service while it runs: metrics, traces and events. */
export interface Observability {
  /** The URL of the metrics; undefined if none are kept. */
  readonly metricsUrl: string | undefined
  readonly metrics: Metrics | undefined
  readonly observer: Observer
  /** Undefined if nobody records requests. */
  readonly requests: RequestObserver | undefined
  /** Counts an event, then reports it. */
  readonly emit: EmitEvent
  /** The same verbs, observed. */
  observe(tokens: Tokens): Tokens
  /** Reads the pools of a database each time that the metrics are read. */
  watchPools(database: { pools(): readonly PoolState[] }): void
  stop(): Promise<void>
}

/** Where events and requests are reported, besides the metrics. */
interface Reports {
  readonly emit: EmitEvent
  readonly onRequest?: ((ended: EndedRequest) => void) | undefined
}

interface PoolState {
  readonly name: string
  readonly used: number
  readonly idle: number
  readonly waiting: number
}

/**
 * Starts what operators look at. Without a place for metrics none are kept. Traces go to the tracer that the program
 * has registered with OpenTelemetry before this, if it has any.
 *
 * @throws TokenServiceError ERR_CONFIGURATION: the port for metrics is taken
 */
export async function startObservability(
  location: MetricsLocation | undefined,
  { emit: report, onRequest }: Reports,
): Promise<Observability> {
  const metrics = location && createMetrics()
  const tracer = trace.getTracer('invalidate-token')
  // What nobody records is not measured.
  const isRecorded = metrics !== undefined || hasTracerProvider()
  const observer = isRecorded ? createObserver(metrics, tracer) : observeNothing
  const server = metrics && location && (await startMetricsServer(metrics, location))
  const emit = metrics === undefined ? report : countEvents(metrics, report)
  return {
    metricsUrl: server?.url,
    metrics,
    observer,
    requests: isRecorded || onRequest ? observeRequests({ metrics, tracer, onRequest }) : undefined,
    emit,
    observe: (tokens) => observeTokens(tokens, observer, emit),
    watchPools: (database) => metrics?.beforeWriting(() => writePools(metrics, database.pools())),
    stop: async () => server?.stop(),
  }
}

/** Whether the program has registered a tracer. OpenTelemetry's API passes all calls to a proxy, registered or not. */
function hasTracerProvider(): boolean {
  const provider = trace.getTracerProvider()
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer('invalidate-token') !== undefined
}

/** Each counter begins at zero: Prometheus sees no increase in one that begins at one. */
function countEvents(metrics: Metrics, report: EmitEvent): EmitEvent {
  for (const name of Object.keys(events)) metrics.count('events_total', [name], 0)
  for (const limit of limitNames) metrics.count('rate_limited_total', [limit], 0)
  return (event) => {
    metrics.count('events_total', [event.name])
    if (event.name === 'rate_limited') metrics.count('rate_limited_total', [String(event.facts?.['limit'])])
    report(event)
  }
}

function writePools(metrics: Metrics, pools: readonly PoolState[]): void {
  for (const { name, used, idle, waiting } of pools) {
    metrics.set('pool_connections', [name, 'used'], used)
    metrics.set('pool_connections', [name, 'idle'], idle)
    metrics.set('pool_connections', [name, 'waiting'], waiting)
  }
}
