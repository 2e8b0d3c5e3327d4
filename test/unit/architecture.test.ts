import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const architecture = readFileSync('docs/architecture.md', 'utf8')

interface Allowed {
  readonly folders: readonly string[]
  readonly packages: RegExp
}

/** The table of folders in docs/architecture.md: which folders each folder of src/ may import, and which packages. */
const folders = readFolderTable(architecture)

function readFolderTable(page: string): ReadonlyMap<string, Allowed> {
  const [, table = ''] = /\| folder \| may import \| packages \|[^\n]*\n\|[-|]+\n((?:\|.*\n)+)/.exec(page) ?? []
  const names = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
  const rows = table
    .trimEnd()
    .split('\n')
    .map((row) => row.split('|').slice(1, 4))
  return new Map(
    rows.map(([folder = '', allowed = '', packages = '']) => [
      names(folder)[0] ?? '',
      { folders: ['events', ...names(allowed)], packages: patternOf(names(packages)) },
    ]),
  )
}

/** `*` at the end stands for anything. */
function patternOf(packages: readonly string[]): RegExp {
  const patterns = packages.map((name) =>
    name.endsWith('*') ? escapePattern(name.slice(0, -1)) : `${escapePattern(name)}$`,
  )
  return new RegExp(patterns.length === 0 ? '^$' : `^(${patterns.join('|')})`)
}

function escapePattern(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&')
}

const source = fileURLToPath(new URL('../../src', import.meta.url))
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
const text = new Map(files.map((path) => [path, readFileSync(join(source, path), 'utf8')]))
const folderOf = (path: string) => {
  if (path === 'cli.ts') return 'cli'
  return path.includes('/') ? (path.split('/')[0] ?? '') : 'root'
}
const importsOf = (path: string) =>
  [...(text.get(path) ?? '').matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(([, target = '']) =>
    target.startsWith('.') ? relative('.', normalize(join(dirname(path), target))) : target,
  )

test('a folder imports only what the table allows', () => {
  const violations = files.flatMap((path) => {
    const allowed = folders.get(folderOf(path)) ?? { folders: [], packages: /^$/ }
    return importsOf(path)
      .filter((target) =>
        text.has(target)
          ? ![folderOf(path), ...allowed.folders].includes(folderOf(target))
          : !allowed.packages.test(target),
      )
      .map((target) => `${path} imports ${target}`)
  })

  expect(violations).toEqual([])
})

test('no import cycle exists, not even of types', () => {
  const cycles: string[] = []
  const visited = new Set<string>()
  const visit = (path: string, importers: readonly string[]): void => {
    if (importers.includes(path)) cycles.push([...importers.slice(importers.indexOf(path)), path].join(' → '))
    if (importers.includes(path) || visited.has(path)) return
    for (const target of importsOf(path)) if (text.has(target)) visit(target, [...importers, path])
    visited.add(path)
  }
  for (const path of files) visit(path, [])

  expect(cycles).toEqual([])
})

test('no file is longer than 300 lines, and the composition root is not longer than 150', () => {
  const tooLong = [...text].filter(
    ([path, content]) => content.split('\n').length > (path === 'service.ts' ? 151 : 301),
  )

  expect(tooLong.map(([path]) => path)).toEqual([])
})

test('both paths to the verbs are made in one place, so that a policy misses neither', () => {
  const makers = ['createFastPath(', 'createGraphqlHandler(', 'createOAuthRoutes(', 'createElasticsearchRoutes(']
  const callers = files.filter((path) =>
    makers.some((maker) => (text.get(path) ?? '').replaceAll(/function \w+\(/g, '').includes(maker)),
  )

  expect(callers).toEqual(['http/routes.ts'])
})

test('only config.ts reads the process’s environment', () => {
  expect(files.filter((path) => text.get(path)?.includes('process.env'))).toEqual(['config.ts'])
})

test('only one file converts between secrets and tokens', () => {
  const converters = files.filter((path) =>
    /\bita_|\bitr_/.test((text.get(path) ?? '').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')),
  )

  // The schema's descriptions and GraphiQL's tabs only show the prefixes to readers.
  expect(converters.filter((path) => !['graph/pair.ts', 'http/pages/graphiql-tabs.ts'].includes(path))).toEqual([
    'tokens/token.ts',
  ])
})

test('the table of folders has a row for every folder of src/', () => {
  expect([...folders.keys()].toSorted()).toEqual([...new Set(files.map(folderOf))].toSorted())
})

test('every file that docs/architecture.md names exists', () => {
  const inCode = [...architecture.matchAll(/`((?:src|test|drizzle|docs|scripts)\/[\w./-]*)`/g)].map(
    ([, path = '']) => path,
  )
  const linked = [...architecture.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, path = '']) => join('docs', path))
  const paths = [...inCode, ...linked]

  expect(paths.length).toBeGreaterThan(30)
  expect(paths.filter((path) => !existsSync(path))).toEqual([])
})
