import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createDashboard } from '../../scripts/dashboard.ts'
import { events } from '../../src/events/events.ts'
import { metrics, prefix } from '../../src/observability/metric-table.ts'
import { createMetrics } from '../../src/observability/metrics.ts'

const folder = 'examples/observability'
const dashboardText = readFileSync(`${folder}/dashboard.json`, 'utf8')
const rulesText = readFileSync(`${folder}/rules.yml`, 'utf8')

/** Reason for a skip: promtool is not an npm package. .ci/run installs Debian's, so CI never skips. */
const isPromtoolMissing = spawnSync('promtool', ['--version']).error !== undefined

const dashboardQueries = [...dashboardText.matchAll(/"expr": (".*")/g)].map(([, text = '']) => String(JSON.parse(text)))
const queries = [...dashboardQueries, rulesText.replaceAll(/^ *#.*$/gm, '')]

test('the dashboard is what the code makes, by builders that are generated from Grafana’s schema', () => {
  expect(JSON.parse(dashboardText)).toEqual(JSON.parse(JSON.stringify(createDashboard())))
  expect(dashboardQueries.length).toBeGreaterThan(15)
})

test('every metric in the dashboard and the rules exists', async () => {
  const { text } = await createMetrics().write()
  const kinds = new Map([...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = '', kind = '']) => [name, kind]))
  const exported = new Set(
    [...kinds].flatMap(([name, kind]) =>
      kind === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => name + end) : [name],
    ),
  )

  const named = queries.flatMap((query) =>
    [...query.matchAll(/(?<![\w:])(?:invalidate_token|nodejs|process)_\w+(?!:)/g)].map(([name]) => name),
  )

  expect(named.length).toBeGreaterThan(30)
  expect(named.filter((name) => !exported.has(name))).toEqual([])
})

test('every label in the dashboard and the rules is one of its metric, and every event exists', () => {
  const selectors = queries.flatMap((query) => [...query.matchAll(/(\w+)\{([^{}]*)\}/g)])
  const unknown = selectors.flatMap(([, name = '', matchers = '']) => {
    const metric = Object.entries(metrics).find(([own]) =>
      (prefix + own).startsWith(name.replace(/_(bucket|sum|count)$/, '')),
    )
    const known = new Set<string>(['job', 'instance', ...(metric?.[1].labels ?? [])])
    return [...matchers.matchAll(/(\w+)(?:=|!)/g)]
      .filter(([, label = '']) => !known.has(label))
      .map(() => `${name}{${matchers}}`)
  })
  const named = queries.flatMap((query) =>
    [...query.matchAll(/event=~?"([^"]+)"/g)].flatMap(([, names = '']) => names.split('|')),
  )

  expect(unknown).toEqual([])
  expect(named.length).toBeGreaterThan(10)
  expect(Object.keys(events)).toEqual(expect.arrayContaining(named))
})

test.skipIf(isPromtoolMissing)('promtool accepts the configuration, the rules and every query of the dashboard', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'invalidate-token-rules-')), 'queries.yml')
  const rules = dashboardQueries.map((query, index) => ({
    record: `query_${index}`,
    expr: query.replaceAll('$__rate_interval', '1m'),
  }))
  writeFileSync(path, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))

  const checked = [
    ['check', 'config', '--lint-fatal', `${folder}/prometheus.yml`],
    ['check', 'rules', '--lint-fatal', `${folder}/rules.yml`, path],
  ].map((given) => execFileSync('promtool', given, { encoding: 'utf8' }))

  expect(checked.join('')).toContain(`${rules.length} rules found`)
})

test.skipIf(isPromtoolMissing)('each failure raises its alert, and a healthy service raises none', () => {
  const { status, stderr } = spawnSync('promtool', ['test', 'rules', `${folder}/rules.test.yml`], { encoding: 'utf8' })

  expect(stderr).toBe('')
  expect(status).toBe(0)
})

test('every alert has a test', () => {
  const tests = readFileSync(`${folder}/rules.test.yml`, 'utf8')
  const alerts = [...rulesText.matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name)

  expect(alerts.length).toBeGreaterThan(10)
  expect(alerts.filter((name) => !tests.includes(`alertname="${name}"`))).toEqual([])
})
