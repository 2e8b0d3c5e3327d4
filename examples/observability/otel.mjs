// Loaded before the service by `node --import`. The collector: OTEL_EXPORTER_OTLP_ENDPOINT, by default localhost:4318.
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node'

const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] })

// Registers the reader of `traceparent` too.
provider.register()
