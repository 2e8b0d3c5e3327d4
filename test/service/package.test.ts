import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, normalize } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readPage } from '../support/pages.ts'

const run = promisify(execFile)

/** An empty folder in which the package is installed from its tarball, with its dependencies. */
let folder: string
let packed: readonly string[]
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'invalidate-token-package-'))
  // The database of an example that was run here must not be packed.
  const database = await mkdtemp('examples/supergraph/.data-test-')
  await mkdir(join(database, '.data'))
  await writeFile(join(database, '.data', 'PG_VERSION'), '')
  const { stdout } = await run('npm', ['pack', '--json', `--pack-destination=${folder}`]).finally(() =>
    rm(database, { recursive: true }),
  )
  const [{ filename, files }] = JSON.parse(stdout.slice(stdout.indexOf('[')))
  packed = files.map(({ path }: { readonly path: string }) => path)
  await mkdir(join(folder, 'node_modules'))
  for (const name of await readdir('node_modules'))
    await symlink(join(process.cwd(), 'node_modules', name), join(folder, 'node_modules', name))
  await run('tar', ['-xzf', filename], { cwd: folder })
  await run('mv', ['package', 'node_modules/invalidate-token'], { cwd: folder })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('the npm package contains what a user needs and nothing else', () => {
  const expected = [
    /^dist\/[\w/-]+\.(js|js\.map|d\.ts)$/,
    /^drizzle\/(\d{4}_\w+\.sql|meta\/\w+\.json)$/,
    /^docs\/([\w-]+\.md|sql\/\w+\.sql)$/,
    /^examples\/(\w+\/)?[\w-]+\.(md|ts|json|graphql)$/,
    /^examples\/observability\/[\w.]+\.(mjs|yml)$/,
  ]
  const others = packed.filter((path) => !expected.some((pattern) => pattern.test(path)))

  expect(others.toSorted()).toEqual([
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'LICENSE',
    'README.md',
    'SECURITY.md',
    'package.json',
    'schema.graphql',
  ])
  expect(packed).toEqual(
    expect.arrayContaining([
      'dist/index.js',
      'dist/index.d.ts',
      'dist/guard/index.js',
      'dist/cli.js',
      'drizzle/0000_tables.sql',
    ]),
  )
})

test('the pages in the npm package lead to files in the package, and to source files in the repository', async () => {
  const pages = await Promise.all(packed.filter((path) => path.endsWith('.md')).map(readPage))
  const missing = pages.flatMap(({ path, links }) =>
    links
      .filter((link) => !/^(https?:|#)/.test(link))
      .map((link) => normalize(join(dirname(path), link.replace(/#.*/, ''))))
      .filter((target) => !packed.includes(target) && !target.startsWith('src/'))
      .map((target) => `${path} → ${target}`),
  )

  expect(pages.length).toBeGreaterThan(20)
  expect(missing).toEqual([])
})

test('installed in an empty folder, the command runs and prints its version', async () => {
  const { bin, version } = JSON.parse(await readFile('package.json', 'utf8'))
  const path = join('node_modules/invalidate-token', bin['invalidate-token'])

  const { stdout } = await run(process.execPath, [path, '--version'], { cwd: folder })

  expect(stdout.trim()).toBe(version)
})

test('installed in an empty folder, the module migrates a database, issues a pair and invalidates its access token', async () => {
  const program = `
    import { createClientStore, createTokenStore, createTokens, openDatabase } from 'invalidate-token'
    import 'invalidate-token/guard'
    import.meta.resolve('invalidate-token/schema.graphql')
    const database = await openDatabase({ kind: 'embedded', folder: 'data' })
    const tokens = createTokens({
      store: createTokenStore(database), clients: createClientStore(database), clock: () => new Date(),
      lifetimes: { accessTokenSeconds: 60, refreshTokenSeconds: 60, refreshGraceSeconds: 0 },
    })
    const caller = { kind: 'client', clientId: 'test', scopes: ['create_token'] }
    const pair = await tokens.issue({ owner: { realm: 'r', username: 'u' } }, caller)
    console.log(JSON.stringify(await tokens.invalidate({ kind: 'access-token', token: pair.accessToken }, caller)))
    await database.close()`
  await writeFile(join(folder, 'program.mjs'), program)

  const { stdout } = await run(process.execPath, ['program.mjs'], { cwd: folder })

  expect(JSON.parse(stdout)).toMatchObject({ invalidated: 1, previouslyInvalidated: 0, errors: [] })
})
