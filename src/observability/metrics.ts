import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { type MetricName, type MetricOf, metrics, prefix } from './metric-table.ts'

/** The metrics of one service: two services in one process have one each. Labels are in the order of the table. */
export interface Metrics {
  count(name: MetricOf<'counter'>, labels?: readonly string[], by?: number): void
  /** Adds a value to a distribution: seconds, or a number of items. */
  record(name: MetricOf<'histogram'>, labels: readonly string[], value: number): void
  set(name: MetricOf<'gauge'>, labels: readonly string[], value: number): void
  /** `read` sets gauges, each time just before the metrics are written. */
  beforeWriting(read: () => void): void
  /** All metrics in Prometheus' text format, and its media type. */
  write(): Promise<{ readonly type: string; readonly text: string }>
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const counters = namesOf('counter').map((name) => [name, new Counter(configOf(name, registry))] as const)
  const gauges = namesOf('gauge').map((name) => [name, new Gauge(configOf(name, registry))] as const)
  const histograms = namesOf('histogram').map((name) => [name, new Histogram(histogramOf(name, registry))] as const)
  const count = keepChildren(new Map(counters))
  const set = keepChildren(new Map(gauges))
  const record = keepChildren(new Map(histograms))
  const readers: (() => void)[] = []
  return {
    count: (name, labels = [], by = 1) => count(name, labels).inc(by),
    set: (name, labels, value) => set(name, labels).set(value),
    record: (name, labels, value) => record(name, labels).observe(value),
    beforeWriting: (read) => void readers.push(read),
    write: async () => {
      for (const read of readers) read()
      return { type: registry.contentType, text: await registry.metrics() }
    },
  }
}

/** prom-client hashes labels at every call; the hot path of a request has a dozen. */
function keepChildren<Name extends string, Child>(
  families: ReadonlyMap<Name, { labels(...labels: string[]): Child }>,
): (name: Name, labels: readonly string[]) => Child {
  const children = new Map<string, Child>()
  return (name, labels) => {
    const key = `${name} ${labels.join(' ')}`
    const known = children.get(key)
    if (known !== undefined) return known
    const family = families.get(name)
    if (family === undefined) throw new TypeError(`There is no metric ${name}`)
    const child = family.labels(...labels)
    children.set(key, child)
    return child
  }
}

function namesOf<Kind extends 'counter' | 'gauge' | 'histogram'>(kind: Kind): readonly MetricOf<Kind>[]
function namesOf(kind: string): readonly string[] {
  return Object.entries(metrics).flatMap(([name, metric]) => (metric.kind === kind ? [name] : []))
}

function configOf(name: MetricName, registry: Registry) {
  const { help, labels } = metrics[name]
  return { name: prefix + name, help, labelNames: [...labels], registers: [registry] }
}

function histogramOf(name: MetricOf<'histogram'>, registry: Registry) {
  return { ...configOf(name, registry), buckets: [...metrics[name].buckets] }
}
