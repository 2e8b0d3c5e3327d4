import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { isExecutableDefinitionNode, parse, validate } from 'graphql'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { readConfig } from '../../src/config.ts'
import { createSchema } from '../../src/graph/schema.ts'
import { errorCodes } from '../../src/tokens/errors.ts'
import { startProcess } from '../support/process.ts'

let readme: string
let postgres: RunningPostgres
beforeAll(async () => {
  readme = await readFile('README.md', 'utf8')
  postgres = await startPostgres()
})
afterAll(() => postgres.stop())

function blocks(language: string): readonly string[] {
  return [...readme.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, code = '']) => code)
}

async function run(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
  return out + err
}

/** Tokens differ from run to run, and the README shows only their beginning. */
const withoutTokens = (output: string) => output.replaceAll(/\b(it[ar]_)[\w-]+…?/g, '$1')

test('the first steps of the README print what it shows, also across a restart of the service', async () => {
  const database = { DATABASE_URL: await postgres.createDatabase('readme') }
  const first = await startProcess(database)
  const port = new URL(first.url).port
  const prepare = (code: string) =>
    code.replaceAll('127.0.0.1:4000', `127.0.0.1:${port}`).replace('Basic PASTE', first.authorization ?? 'none')
  const shell = blocks('sh').map(prepare)
  const restart = shell.findIndex(
    (_, index) => index > 0 && readme.indexOf('Ctrl-C') < readme.indexOf(blocks('sh')[index] ?? ''),
  )
  expect(restart).toBeGreaterThan(2)

  // The first half prints the variables that it sets, and the second half gets them from there.
  const before = await run('bash', ['-c', [...shell.slice(0, restart), 'declare -p AUTH TOKEN REFRESH >&2'].join('\n')])
  await first.end()
  const second = await startProcess({ ...database, PORT: port })
  const [printed = '', ...variables] = before.split(/(?=^declare )/m)
  const after = await run('bash', ['-c', [shell[0], ...variables, ...shell.slice(restart)].join('\n')])
  await second.end()

  expect(withoutTokens(printed + after)).toBe(withoutTokens(blocks('json').join('')))
})

test('every TypeScript block of the README compiles against the package', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'invalidate-token-readme-'))
  try {
    await symlink(process.cwd(), join(folder, 'project'))
    await writeFile(
      join(folder, 'readme.ts'),
      blocks('ts')
        .join('\n')
        .replaceAll(/import (\{[^}]*\}) from 'invalidate-token'/g, "import $1 from './project/src/index.ts'")
        .replaceAll("'@elastic/elasticsearch'", "'./project/node_modules/elasticsearch-8/index.js'")
        .replaceAll("'openid-client'", "'./project/node_modules/openid-client/build/index.js'"),
    )
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
    const config = {
      extends: './project/tsconfig.json',
      include: ['readme.ts'],
      compilerOptions: { noUnusedLocals: false, typeRoots: [join(process.cwd(), 'node_modules/@types')] },
    }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))

    expect(await run('node_modules/.bin/tsc', ['--project', folder])).toBe('')
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('every GraphQL operation of the README is valid in the schema', () => {
  const schema = createSchema()

  expect(blocks('graphql').length).toBeGreaterThan(0)
  for (const block of blocks('graphql')) {
    const document = parse(block)
    // The other blocks are declarations of other subgraphs: test/supergraph composes those.
    if (document.definitions.every(isExecutableDefinitionNode)) expect(validate(schema, document)).toEqual([])
  }
})

test('a page that waits as in the README is notified of its logout', async () => {
  const database = await postgres.createDatabase('page')
  const service = await startProcess({ DATABASE_URL: database })
  const monitor = new pg.Client({ connectionString: database })
  await monitor.connect()
  const headers = { 'content-type': 'application/json', authorization: service.authorization ?? '' }
  const ask = async (query: string) =>
    (await fetch(service.url, { method: 'POST', headers, body: JSON.stringify({ query }) })).json()
  const created = await ask('mutation { createTokenPair(input: { realmName: "r", username: "u" }) { accessToken } }')
  const token: string = created.data.createTokenPair.accessToken
  const folder = await mkdtemp(join(tmpdir(), 'invalidate-token-readme-'))
  const [code = ''] = blocks('ts').filter((block) => block.includes('waitForLogout'))
  await writeFile(
    join(folder, 'page.mts'),
    `${code}\nconsole.log(await waitForLogout(${JSON.stringify(service.url)}, ${JSON.stringify(token)}))`,
  )

  const page = run('node_modules/.bin/tsx', [join(folder, 'page.mts')])
  const listeners = "select from pg_stat_activity where application_name = 'invalidate-token listener'"
  while ((await monitor.query(listeners)).rowCount === 0) await sleep(20)
  await ask(`mutation { invalidateToken(input: { token: "${token}" }) { invalidatedTokens } }`)

  expect(await page).toBe('true\n')
  await monitor.end()
  await service.end()
  await rm(folder, { recursive: true })
})

test('the README’s table of error codes equals the one in src/tokens/errors.ts', () => {
  const documented = [...readme.matchAll(/^\| `(ERR_\w+)` \| (.*) \|$/gm)].map(([, code, meaning]) => [code, meaning])

  expect(documented).toEqual(Object.entries(errorCodes))
})

test('the README’s table of settings has every setting that is read, with its default', async () => {
  const documented = [...readme.matchAll(/^\| `([A-Z_]+)` \| (?:`(\S+)`|[^|]*) \|/gm)].map(([, name = '', value]) => [
    name,
    value,
  ])
  const source = await readFile('src/config.ts', 'utf8')
  const read = new Set(
    [...source.matchAll(/'([A-Z]+(?:_[A-Z]+)*)'/g)]
      .map(([, name]) => name)
      .filter((name) => name !== 'ENOENT' && !name?.startsWith('ERR_')),
  )

  const settings = documented.filter(([name]) => read.has(name))
  expect(new Set(settings.map(([name]) => name))).toEqual(read)
  const defaults = Object.fromEntries(
    settings.filter(([name, value]) => value !== undefined && name !== 'DATABASE_DIRECT_URL'),
  )
  expect(readConfig(defaults)).toEqual(readConfig({}))
})
