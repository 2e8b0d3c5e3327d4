import {
  type Context,
  context,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { ArrivedRequest, EndedRequest, RequestObserver } from '../events/request-observer.ts'
import type { Metrics } from './metrics.ts'

interface RequestReports {
  readonly metrics: Metrics | undefined
  readonly tracer: Tracer
  readonly onRequest: ((ended: EndedRequest) => void) | undefined
}

/**
 * Counts and times requests, and makes a span of each. A request continues the trace that its header `traceparent`
 * names, if the program has registered a propagator (W3C Trace Context).
 */
export function observeRequests({ metrics, tracer, onRequest }: RequestReports): RequestObserver {
  let open = 0
  metrics?.beforeWriting(() => metrics.set('open_requests', [], open))
  return {
    watchConnections: (count) => metrics?.beforeWriting(() => metrics.set('connections', [], count())),
    begin: (request) => {
      open++
      const parent = propagation.extract(context.active(), request.headers)
      const span = startSpan(tracer, request, parent)
      return {
        run: span === undefined ? (answer) => answer() : (answer) => context.with(trace.setSpan(parent, span), answer),
        end: (ended) => {
          open--
          if (span !== undefined) endSpan(span, ended)
          if (metrics !== undefined) measure(metrics, ended)
          onRequest?.(ended)
        },
      }
    },
  }
}

/** Undefined if nobody records spans. Attributes as OpenTelemetry's semantic conventions for HTTP name them. */
function startSpan(tracer: Tracer, { method }: ArrivedRequest, parent: Context): Span | undefined {
  const attributes = { 'http.request.method': knownMethods.has(method) ? method : '_OTHER' }
  const span = tracer.startSpan(method, { kind: SpanKind.SERVER, attributes }, parent)
  return span.isRecording() ? span : undefined
}

const knownMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS', 'PUT', 'PATCH'])

function endSpan(span: Span, { method, route, status, outcome }: EndedRequest): void {
  span.updateName(route === undefined ? method : `${method} ${route}`)
  span.setAttributes({
    'http.response.status_code': status,
    ...(route !== undefined && { 'http.route': route }),
    ...(outcome !== 'answered' && { 'error.type': outcome }),
  })
  if (status >= 500 || outcome !== 'answered') span.setStatus({ code: SpanStatusCode.ERROR })
  span.end()
}

function measure(metrics: Metrics, { route = 'other', status, outcome, isStream, milliseconds }: EndedRequest): void {
  metrics.count('requests_total', [route, outcome === 'answered' ? `${Math.floor(status / 100)}xx` : outcome])
  if (!isStream) metrics.record('request_duration_seconds', [route], milliseconds / 1000)
}
