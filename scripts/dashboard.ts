import { LegendDisplayMode, LegendPlacement, VizLegendOptionsBuilder } from '@grafana/grafana-foundation-sdk/common'
import {
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/timeseries'

interface Panel {
  readonly title: string
  readonly description: string
  /** Grafana's name of the unit. */
  readonly unit: 'reqps' | 'ops' | 's' | 'short' | 'bytes' | 'percentunit'
  /** Queries by the legend of their series, in which `{{label}}` stands for the value of a label. */
  readonly queries: Readonly<Record<string, string>>
}

/** Only the chosen instances. */
const chosen = 'job="$job", instance=~"$instance"'

function rate(metric: string, labels: string, matchers = ''): string {
  const selector = `invalidate_token_${metric}{${[chosen, matchers].filter(Boolean).join(', ')}}`
  return `sum by (${labels}) (rate(${selector}[$__rate_interval]))`
}

function quantile(share: number, metric: string, labels = ''): string {
  return `histogram_quantile(${share}, ${rate(`${metric}_bucket`, ['le', labels].filter(Boolean).join(', '))})`
}

/** The panels by row: first what callers notice, then where it comes from. */
const rows: Readonly<Record<string, readonly Panel[]>> = {
  'What callers notice': [
    {
      title: 'Requests',
      description: 'Answers by route.',
      unit: 'reqps',
      queries: { '{{route}}': rate('requests_total', 'route') },
    },
    {
      title: 'Failures and refusals',
      description: '5xx and `overdue` are failures of the service or its database, 4xx are mistakes of callers.',
      unit: 'reqps',
      queries: { '{{status}}': rate('requests_total', 'status', 'status!~"1xx|2xx|3xx"') },
    },
    {
      title: 'Time to answer',
      description: 'Quantiles over all routes. Streams are left out.',
      unit: 's',
      queries: {
        p50: quantile(0.5, 'request_duration_seconds'),
        p95: quantile(0.95, 'request_duration_seconds'),
        p99: quantile(0.99, 'request_duration_seconds'),
      },
    },
    {
      title: 'Open connections, requests and streams',
      description: 'A stream is an open request too.',
      unit: 'short',
      queries: {
        '{{instance}} connections': `invalidate_token_connections{${chosen}}`,
        '{{instance}} requests': `invalidate_token_open_requests{${chosen}}`,
        '{{instance}} {{verb}}': `invalidate_token_streams{${chosen}}`,
      },
    },
  ],
  Verbs: [
    {
      title: 'Verbs by outcome',
      description: 'What the service did with tokens. `failed` is a fault of the service.',
      unit: 'ops',
      queries: { '{{verb}} {{outcome}}': rate('verbs_total', 'verb, outcome') },
    },
    {
      title: 'Time of a verb, p99',
      description: 'With the time that it waited for a statement.',
      unit: 's',
      queries: { '{{verb}}': quantile(0.99, 'verb_duration_seconds', 'verb') },
    },
  ],
  Database: [
    {
      title: 'Time of a statement, p99',
      description: 'With the time that it waited for a connection.',
      unit: 's',
      queries: { '{{statement}}': quantile(0.99, 'statement_duration_seconds', 'statement') },
    },
    {
      title: 'Calls that share a statement',
      description: 'On average. More under load: concurrent calls are put into one statement.',
      unit: 'short',
      queries: {
        '{{statement}}': `${rate('statement_items_sum', 'statement')} / ${rate('statement_items_count', 'statement')}`,
      },
    },
    {
      title: 'Connections',
      description: 'If calls wait for long, the pool is too small or statements are slow.',
      unit: 'short',
      queries: {
        '{{pool}} {{state}}': `sum by (pool, state) (invalidate_token_pool_connections{${chosen}})`,
      },
    },
    {
      title: 'Failed statements',
      description: 'Failures of the database, and statements that were given up.',
      unit: 'ops',
      queries: { '{{statement}}': rate('statement_failures_total', 'statement') },
    },
  ],
  'Feed and retention': [
    {
      title: 'Feed lag, p99',
      description: 'From the commit of a revocation to its reading by the feed.',
      unit: 's',
      queries: { p99: quantile(0.99, 'feed_lag_seconds') },
    },
    {
      title: 'Since the last round of retention',
      description: 'About a minute. It grows if retention fails, or if it is refused because clocks differ.',
      unit: 's',
      queries: {
        '{{instance}}': `time() - (invalidate_token_retention_last_success_timestamp_seconds{${chosen}} > 0)`,
      },
    },
  ],
  Security: [
    {
      title: 'Security events',
      description: 'Failed authentications, refused authority, and refresh tokens that were used again.',
      unit: 'ops',
      queries: {
        '{{event}}': rate(
          'events_total',
          'event',
          'event=~"authentication_failed|authority_refused|refresh_token_reused"',
        ),
      },
    },
    {
      title: 'Rate limits',
      description: 'Requests that were answered 429, by limit.',
      unit: 'reqps',
      queries: { '{{limit}}': rate('rate_limited_total', 'limit') },
    },
  ],
  Process: [
    {
      title: 'Event loop lag, p99',
      description: 'How late timers run. All requests of an instance wait for so long.',
      unit: 's',
      queries: { '{{instance}}': `nodejs_eventloop_lag_p99_seconds{${chosen}}` },
    },
    {
      title: 'CPU',
      description: 'JavaScript runs on one core; compression and cryptography may use more.',
      unit: 'percentunit',
      queries: { '{{instance}}': `rate(process_cpu_seconds_total{${chosen}}[$__rate_interval])` },
    },
    {
      title: 'Memory',
      description: 'Resident memory of the process.',
      unit: 'bytes',
      queries: { '{{instance}}': `process_resident_memory_bytes{${chosen}}` },
    },
    {
      title: 'Operational events',
      description: 'All events by name: docs/events.md.',
      unit: 'ops',
      queries: { '{{event}}': rate('events_total', 'event') },
    },
  ],
}

const prometheus = { type: 'prometheus', uid: '$datasource' } as const

/**
 * The dashboard of examples/observability, in Grafana's form. Grafana's own types check it: the builders are generated
 * from its schema.
 */
export function createDashboard() {
  const dashboard = new DashboardBuilder('invalidate-token')
    .uid('invalidate-token')
    .description('Requests, verbs, statements, feed and retention of invalidate-token.')
    .tags(['invalidate-token'])
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-3h', to: 'now' })
    .refresh('30s')
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .withVariable(labelVariable('job', 'invalidate_token_requests_total'))
    .withVariable(labelVariable('instance', 'invalidate_token_requests_total{job="$job"}').multi(true).includeAll(true))
  for (const [title, panels] of Object.entries(rows)) {
    dashboard.withRow(new RowBuilder(title))
    for (const panel of panels) dashboard.withPanel(panelOf(panel))
  }
  return dashboard.build()
}

function labelVariable(label: string, selector: string): QueryVariableBuilder {
  return new QueryVariableBuilder(label).datasource(prometheus).query(`label_values(${selector}, ${label})`)
}

function panelOf({ title, description, unit, queries }: Panel): PanelBuilder {
  const targets = Object.entries(queries).map(([legend, query], index) =>
    new DataqueryBuilder()
      .refId(String.fromCharCode(65 + index))
      .expr(query)
      .legendFormat(legend)
      .range(),
  )
  return new PanelBuilder()
    .title(title)
    .description(description)
    .datasource(prometheus)
    .unit(unit)
    .min(0)
    .height(8)
    .span(12)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true),
    )
    .targets(targets)
}
