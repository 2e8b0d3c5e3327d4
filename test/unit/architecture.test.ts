import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

/** Which folder of src/ may import which, and what from outside. */
const folders: Readonly<Record<string, { readonly folders: readonly string[]; readonly packages: RegExp }>> = {
  // Every folder may import it.
  events: { folders: [], packages: /^$/ },
  tokens: { folders: [], packages: /^node:(crypto|net)$/ },
  storage: { folders: ['tokens'], packages: /^(node:|drizzle-orm|pg$|@electric-sql\/pglite)/ },
  graph: { folders: ['tokens'], packages: /^(@pothos\/|graphql$)/ },
  http: { folders: ['graph', 'tokens'], packages: /^(node:|graphql$|graphql-yoga$|@graphql-yoga\/)/ },
  server: { folders: ['http', 'tokens'], packages: /^(node:|@whatwg-node\/server$)/ },
  guard: { folders: ['tokens'], packages: /^node:crypto$/ },
  commands: { folders: ['root', 'tokens'], packages: /^(node:|commander$)/ },
  // The files directly in src/: the composition root.
  root: { folders: ['server', 'http', 'graph', 'storage', 'tokens'], packages: /^(node:|pino$)/ },
  // The bin's entry: nothing that can be imported leads to the commands.
  cli: { folders: ['commands'], packages: /^$/ },
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
  const strays = files.flatMap((path) => {
    const allowed = folders[folderOf(path)] ?? { folders: [], packages: /^$/ }
    return importsOf(path)
      .filter((target) =>
        text.has(target)
          ? ![folderOf(path), 'events', ...allowed.folders].includes(folderOf(target))
          : !allowed.packages.test(target),
      )
      .map((target) => `${path} imports ${target}`)
  })

  expect(strays).toEqual([])
})

test('there is no import cycle, of types neither', () => {
  const cycles: string[] = []
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
    if (trail.includes(path) || done.has(path)) return
    for (const target of importsOf(path)) if (text.has(target)) visit(target, [...trail, path])
    done.add(path)
  }
  for (const path of files) visit(path, [])

  expect(cycles).toEqual([])
})

test('no file is longer than 300 lines, and the composition root not longer than 150', () => {
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

test('the process’s environment is read in one place', () => {
  expect(files.filter((path) => text.get(path)?.includes('process.env'))).toEqual(['config.ts'])
})

test('a secret becomes a token, and a token a secret, in one file', () => {
  const makers = files.filter((path) =>
    /\bita_|\bitr_/.test((text.get(path) ?? '').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')),
  )

  // The schema's descriptions and the tabs of GraphiQL name the prefixes to people.
  expect(makers.filter((path) => !['graph/pair.ts', 'http/pages/graphiql-tabs.ts'].includes(path))).toEqual([
    'tokens/token.ts',
  ])
})
