import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, normalize } from 'node:path'
import { text } from 'node:stream/consumers'
import { parseEnv } from 'node:util'
import { isExecutableDefinitionNode, parse, validate } from 'graphql'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { generatePages } from '../../scripts/generated-pages.ts'
import { type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { readConfig } from '../../src/config.ts'
import { events } from '../../src/events/events.ts'
import { createSchema, createSdl } from '../../src/graph/schema.ts'
import { settings } from '../../src/settings.ts'
import { invalidationReasons } from '../../src/tokens/invalidation-reasons.ts'
import { composers } from '../support/composers.ts'
import {
  type Block,
  isNpm,
  isOutput,
  type Page,
  readPage,
  readPages,
  readTranscript,
  withoutAccidents,
} from '../support/pages.ts'
import { type RunningService, runCommand, startProcess } from '../support/process.ts'
import { openShell } from '../support/shell.ts'

const pages = await readPages()
const blocks = pages.flatMap((page) => page.blocks)
const inLanguage = (language: string) => blocks.filter((block) => block.language === language)
const pageNamed = (path: string) => pages.find((page) => page.path === path) ?? expect.unreachable(path)
const blockWith = (part: string) => blocks.find(({ code }) => code.includes(part)) ?? expect.unreachable(part)
/** For the whole server, and not for a page's database. */
const roleBlock = blockWith('create role')

let postgres: RunningPostgres
beforeAll(async () => {
  postgres = await startPostgres()
})
afterAll(() => postgres.stop())

test('every block is in a language that is tested', () => {
  const known = ['sh', 'console', 'json', 'text', 'ts', 'graphql', 'sql', 'dotenv', 'nginx']

  expect(blocks.filter(({ language }) => !known.includes(language)).map(({ place }) => place)).toEqual([])
  // An indented fence, or one of tildes, would be no block to this test.
  for (const page of pages)
    expect(page.text.match(/^\s*(?:```|~~~)/gm) ?? [], page.path).toHaveLength(2 * page.blocks.length)
})

describe('a page’s session', () => {
  const isRun = (block: Block) =>
    ['sh', 'console', 'sql'].includes(block.language) && !isNpm(block) && block !== roleBlock
  const sessions = pages.filter((page) => page.blocks.some((block) => isRun(block) && block.language !== 'sql'))

  test.each(sessions.map((page) => [page.path, page] as const))('of %s prints what the page shows', async (_, page) => {
    const database = { DATABASE_URL: await postgres.createDatabase(page.path.replaceAll(/\W/g, '_')) }
    const service = await startRestartable(database)
    const shell = await openShell(database)

    for (const [place, block] of page.blocks.entries()) {
      // The reader is asked to stop the service and start it again.
      if (block.textBefore.includes('Ctrl-C')) await service.restart()
      if (!isRun(block)) continue
      if (block.language === 'sql') await runSql(database.DATABASE_URL, block.code)
      for (const { command, output } of stepsOf(block, page.blocks[place + 1]))
        expect(withoutAccidents(await shell.run(service.prepare(command))), block.place).toBe(withoutAccidents(output))
    }
    await shell.end()
    await service.end()
  })

  test('is there for the README and the runbook', () => {
    expect(sessions.map(({ path }) => path)).toEqual(expect.arrayContaining(['README.md', 'docs/operate.md']))
  })

  function stepsOf(block: Block, next: Block | undefined) {
    if (block.language === 'console') return readTranscript(block)
    if (block.language === 'sql') return []
    return [{ command: block.code, output: next !== undefined && isOutput(next, block) ? next.code : '' }]
  }
})

/** The service on one port, over restarts. */
async function startRestartable(database: { readonly DATABASE_URL: string }) {
  let running: RunningService = await startProcess(database)
  const { authorization = 'none' } = running
  const { port } = new URL(running.url)
  return {
    prepare: (code: string) =>
      code.replaceAll('127.0.0.1:4000', `127.0.0.1:${port}`).replace('Basic PASTE', authorization),
    async restart() {
      await running.end()
      running = await startProcess({ ...database, PORT: port })
    },
    end: () => running.end(),
  }
}

/** Each statement by itself: a database cannot be created within a transaction. */
async function runSql(url: string, code: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    for (const statement of code.split(/;$/m).filter((part) => part.trim() !== '')) await client.query(statement)
  } finally {
    await client.end()
  }
}

test('the role of the operators’ page is enough for the service', async () => {
  await runSql(postgres.url, roleBlock.code)
  const { port } = new URL(postgres.url)
  const service = await startProcess({ DATABASE_URL: `postgres://tokens:x@127.0.0.1:${port}/tokens` })

  expect((await fetch(new URL('/ready', service.url))).status).toBe(200)
  await service.end()
})

test('npm commands name scripts that there are', async () => {
  const { scripts } = JSON.parse(await readFile('package.json', 'utf8'))
  const commands = blocks.filter(isNpm).flatMap(({ code }) => code.trim().split(/\n| && /))
  const inTables = [...pageNamed('CONTRIBUTING.md').text.matchAll(/^\| `(npm [^`]+)`/gm)].map(
    ([, command = '']) => command,
  )

  for (const command of [...commands, ...inTables]) {
    const [, verb = '', name = ''] = command.split(' ')
    if (verb !== 'ci') expect(Object.keys(scripts), command).toContain(verb === 'run' ? name : verb)
  }
})

/** A folder in which the blocks' imports lead to the package as it is here, and to its dependencies. */
async function inFolder<Answer>(use: (folder: string) => Promise<Answer>): Promise<Answer> {
  const folder = await mkdtemp(join(tmpdir(), 'invalidate-token-docs-'))
  try {
    await symlink(process.cwd(), join(folder, 'project'))
    await symlink(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'))
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function run(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
  return out + err
}

test('every TypeScript block compiles against the package as it is', async () => {
  const printed = await inFolder(async (folder) => {
    for (const { path, blocks: own } of pages) await writeFile(join(folder, fileOf(path)), codeOf(own))
    const config = {
      extends: './project/tsconfig.json',
      include: pages.map(({ path }) => fileOf(path)),
      compilerOptions: { noUnusedLocals: false, typeRoots: [join(process.cwd(), 'node_modules/@types')] },
    }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
    return run('node_modules/.bin/tsc', ['--project', folder])
  })

  expect(printed).toBe('')

  function fileOf(path: string): string {
    return path.replace('/', '-').replace(/md$/, 'ts')
  }
  function codeOf(own: Page['blocks']): string {
    return own
      .filter(({ language }) => language === 'ts')
      .map(({ code }) => code)
      .join('\n')
      .replaceAll("from 'invalidate-token-guard'", "from './project/src/guard/standalone.ts'")
      .replaceAll("from 'invalidate-token'", "from './project/src/index.ts'")
      .replaceAll("from '../support/", "from './project/test/support/")
      .replaceAll("'@elastic/elasticsearch'", "'elasticsearch-8'")
  }
})

test('every GraphQL block is an operation of the schema, or another subgraph that composes with it', () => {
  const schema = createSchema()

  expect(inLanguage('graphql').length).toBeGreaterThan(0)
  for (const { place, code } of inLanguage('graphql')) {
    const document = parse(code)
    if (document.definitions.every(isExecutableDefinitionNode)) expect(validate(schema, document), place).toEqual([])
    else expect(complaintsAbout(code), place).toEqual([])
  }

  function complaintsAbout(types: string): readonly string[] {
    const head =
      'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"]) type Query { user: User }'
    const subgraphs = [
      { name: 'tokens', url: 'http://tokens', sdl: createSdl() },
      { name: 'users', url: 'http://users', sdl: `${head} ${types}` },
    ]
    return Object.values(composers).flatMap((compose) => compose(subgraphs).complaints)
  }
})

test('every JSON block that is no output is JSON, and every dotenv block is settings', () => {
  for (const { blocks: own } of pages)
    for (const [place, block] of own.entries())
      if (block.language === 'json' && !isOutput(block, own[place - 1]))
        expect(() => JSON.parse(block.code), block.place).not.toThrow()

  for (const { place, code } of inLanguage('dotenv')) {
    expect(() => readConfig({ ...parseEnv(code) }), place).not.toThrow()
    expect(Object.keys(settings), place).toEqual(expect.arrayContaining(Object.keys(parseEnv(code))))
  }
})

test('the pages that are generated are what the code says: `npm run docs`', async () => {
  for (const [path, generated] of Object.entries(await generatePages())) expect(pageNamed(path).text).toBe(generated)
})

test('the events that operators alert on exist', () => {
  const [section = ''] = /^### What to alert on\n[\s\S]*?(?=^##)/m.exec(pageNamed('docs/operate.md').text) ?? []
  const named = [...section.matchAll(/`([a-z]+_[a-z_]+)`/g)].map(([, name = '']) => name)

  expect(named.length).toBeGreaterThan(5)
  expect(Object.keys(events)).toEqual(expect.arrayContaining(named))
})

test('every setting in the table is read, and its default is what a missing value stands for', () => {
  const read = new Set<string>()
  const record = (_: object, name: string | symbol) => void read.add(String(name))
  const expected = readConfig(new Proxy({}, { get: record }))
  const defaults = Object.entries(settings).flatMap(([name, setting]) =>
    'default' in setting ? [[name, String(setting.default)]] : [],
  )

  expect(read).toEqual(new Set(Object.keys(settings)))
  expect(readConfig(Object.fromEntries(defaults))).toEqual(expected)
})

test('the options of the commands are those that the page has', async () => {
  const { text: page } = pageNamed('docs/command-line.md')
  for (const command of ['client create', 'invalidate', 'revocations', 'restored']) {
    const { stdout } = await runCommand([...command.split(' '), '--help'], {})
    const offered = new Set([...stdout.matchAll(/^ +(?:-h, )?(--[a-z-]+)/gm)].map(([, option = '']) => option))
    const [section = ''] = new RegExp(`^\\| .*of \`${command}\` \\|[\\s\\S]*?(?=\\n\\n(?!\\|))`, 'm').exec(page) ?? []
    const documented = [...section.matchAll(/^\| `(--[a-z-]+)/gm)].map(([, option = '']) => option)

    expect(new Set([...documented, '--json', '--help']), command).toEqual(offered)
  }
})

test('the table of reasons has all reasons, as GraphQL and as the command line spell them', () => {
  const rows = [...pageNamed('docs/invalidate.md').text.matchAll(/^\| `([A-Z_]+)` \| `([a-z-]+)` \|/gm)]

  expect(rows.map(([, inGraphql, atCommandLine]) => [inGraphql, atCommandLine])).toEqual(
    invalidationReasons.map((reason) => [reason.toUpperCase().replaceAll('-', '_'), reason]),
  )
})

describe('links', () => {
  /** Written beside these pages. */
  const others = [
    'CHANGELOG.md',
    'examples/README.md',
    'examples/frontend/README.md',
    'examples/supergraph/README.md',
    'examples/observability/README.md',
  ]

  test('lead to files that exist, and to headings that they have', async () => {
    const all = [...pages, ...(await Promise.all(others.map(readPage)))]
    const broken = all.flatMap(({ path, links }) =>
      links.filter((link) => !/^https?:/.test(link) && !leadsSomewhere(path, link)).map((link) => `${path} → ${link}`),
    )

    expect(broken).toEqual([])

    function leadsSomewhere(path: string, link: string): boolean {
      const [file = '', anchor] = link.split('#')
      const target = file === '' ? path : normalize(join(dirname(path), file))
      const page = all.find((each) => each.path === target)
      if (anchor !== undefined) return page?.anchors.has(anchor) ?? false
      return page !== undefined || existsSync(target)
    }
  })

  test('from the index lead to every page', () => {
    const named = pageNamed('docs/README.md').links

    for (const { path } of pages.filter((page) => page.path.startsWith('docs/') && page.path !== 'docs/README.md'))
      expect(named).toContain(path.slice('docs/'.length))
  })
})

test('the README is read in three minutes, and its numbers are those of the benchmarks', () => {
  const { text: readme } = pageNamed('README.md')
  const [section = ''] = /^## Three numbers\n[\s\S]*?(?=^## )/m.exec(readme) ?? []
  const numbers = section.match(/\d[\d,.]*\d(?= (?:ms|s|×)\b| a second| ×)/g) ?? []

  expect(readme.split('\n').length).toBeLessThanOrEqual(151)
  expect(numbers.length).toBeGreaterThan(5)
  for (const number of numbers) expect(pageNamed('docs/benchmarks.md').text).toContain(number)
})

/** A service with one pair, for the programs that pages show. */
async function startWithPair(name: string) {
  const url = await postgres.createDatabase(name)
  const service = await startProcess({ DATABASE_URL: url })
  const { authorization = 'none' } = service
  const headers = { 'content-type': 'application/json', authorization }
  const ask = async (query: string) =>
    (await fetch(service.url, { method: 'POST', headers, body: JSON.stringify({ query }) })).json()
  const created = await ask('mutation { createTokenPair(input: { realmName: "r", username: "u" }) { accessToken } }')
  const token: string = created.data.createTokenPair.accessToken
  const invalidate = () => ask(`mutation { invalidateToken(input: { token: "${token}" }) { invalidatedTokens } }`)
  return { service, url, authorization, token, invalidate }
}

test('a page that waits as the frontend’s page says learns that it was logged out', async () => {
  const { service, url, token, invalidate } = await startWithPair('page')
  const monitor = new pg.Client({ connectionString: url })
  await monitor.connect()

  await inFolder(async (folder) => {
    const program = join(folder, 'page.mts')
    const { code } = blockWith('function waitForLogout')
    await writeFile(program, `${code}\nconsole.log(await waitForLogout('${service.url}', '${token}'))`)
    const page = run('node_modules/.bin/tsx', [program])
    // The service listens while a page waits.
    const listeners = "select from pg_stat_activity where application_name = 'invalidate-token listener'"
    await expect.poll(async () => (await monitor.query(listeners)).rowCount).toBe(1)
    await invalidate()

    expect(await page).toBe('true\n')
  })
  await monitor.end()
  await service.end()
})

test('a follower as the gateways’ page has it is given each revocation, and ends when it is aborted', async () => {
  const { service, authorization, invalidate } = await startWithPair('follower')

  await inFolder(async (folder) => {
    const program = join(folder, 'follower.mts')
    const use = `
      const ending = new AbortController()
      await followRevocations({
        url: '${service.url}', authorization: '${authorization}', signal: ending.signal,
        loadCursor: async () => undefined,
        apply: async ({ revocations }) => {
          console.log(revocations.map(({ selector, username }) => selector + ' of ' + username).join() || 'connected')
          if (revocations.length > 0) ending.abort()
        },
      })`
    await writeFile(program, blockWith('function followRevocations').code + use)
    const follower = spawn('node_modules/.bin/tsx', [program], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [first] = await once(follower.stdout.setEncoding('utf8'), 'data')
    const rest = text(follower.stdout)
    await invalidate()

    expect(first).toBe('connected\n')
    expect(await rest).toBe('ACCESS_TOKEN of u\n')
  })
  await service.end()
})

test('a follower decides as the gateways’ page says: by each selector, what it covers and nothing else', async () => {
  const { service, authorization } = await startWithPair('covers')

  await inFolder(async (folder) => {
    const program = join(folder, 'covers.mts')
    const code = blockWith('function followRevocations').code + blockWith('function covers').code
    await writeFile(program, `${code}\nconst [url, authorization] = process.argv.slice(2)\n${invalidateByEachSelector}`)
    const printed = await run('node_modules/.bin/tsx', [program, service.url, authorization])

    expect(printed.trim().split('\n')).toEqual([
      'token: alice',
      'refreshToken:',
      'realmUser: alice',
      'realmName: alice bob',
      'username: alice other',
      'client: alice bob other',
      'another client:',
      'everything: alice bob other',
      'session: alice',
    ])
  })
  await service.end()
})

/** Prints for each selector which of three logins the page's `covers` finds covered, and whether a later login is. */
const invalidateByEachSelector = `
const headers = { 'content-type': 'application/json', authorization }
const ask = async (query, variables) => {
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) })
  return (await response.json()).data
}
const create = 'mutation ($input: CreateTokenPairInput!) { createTokenPair(input: $input) { accessToken refreshToken } }'
const invalidate = \`mutation ($input: InvalidateTokenInput!) { invalidateToken(input: $input) {
  revocation { selector pairId sessionId realmName username clientId bound sparedSessionId at } } }\`

async function logIn(realmName, username) {
  const { accessToken: token, refreshToken } = (await ask(create, { input: { realmName, username } })).createTokenPair
  const { session, ...answer } = (await ask(introspection, { token })).introspectToken
  return { token, refreshToken, known: { ...answer, pairId: pairIdOf(token), sessionId: session.id } }
}

const [alice, bob, other] = [await logIn('r', 'alice'), await logIn('r', 'bob'), await logIn('s', 'alice')]
const inputs = {
  token: { token: alice.token },
  refreshToken: { refreshToken: alice.refreshToken },
  realmUser: { owner: { realmUser: { realmName: 'r', username: 'alice' } } },
  realmName: { owner: { realmName: 'r' } },
  username: { owner: { username: 'alice' } },
  client: { client: 'admin' },
  'another client': { client: 'another' },
  everything: { everything: true },
  session: { session: alice.known.sessionId },
}
for (const [name, input] of Object.entries(inputs)) {
  const { revocation } = (await ask(invalidate, { input })).invalidateToken
  const tokens = { alice, bob, other, later: await logIn('r', 'alice') }
  const covered = Object.keys(tokens).filter((key) => covers(revocation, tokens[key].known))
  console.log([name + ':', ...covered].join(' '))
}`
