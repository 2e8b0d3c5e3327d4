import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { subscribe } from '../support/event-stream.ts'
import { damages } from '../support/lookalikes.ts'
import { type CommandEnd, type RunningService, runCommand, spawnBin, startProcess } from '../support/process.ts'

let postgres: RunningPostgres
let url: string
let service: RunningService
beforeAll(async () => {
  postgres = await startPostgres()
  url = await postgres.createDatabase('cli')
  service = await startProcess({ DATABASE_URL: url })
})
afterAll(async () => {
  await service.end()
  await postgres.stop()
})

/** The output of all commands that must not print a secret. */
const printed: string[] = []
async function command(args: readonly string[], input?: string): Promise<CommandEnd> {
  const end = await runCommand(args, { DATABASE_URL: url }, input)
  printed.push(end.stdout, end.stderr)
  return end
}
/** Runs a command and reads the one JSON document that it prints. */
async function read(args: readonly string[], input?: string) {
  const { code, stdout, stderr } = await command([...args, '--json'], input)
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^[^\n]+\n$/)
  return JSON.parse(stdout)
}
const done = { code: 0, stderr: '' }
const invalidate = (...args: readonly string[]) => ['invalidate', ...args]

async function ask(query: string, authorization = service.authorization) {
  const headers = { 'content-type': 'application/json', ...(authorization !== undefined && { authorization }) }
  const response = await fetch(service.url, { method: 'POST', headers, body: JSON.stringify({ query }) })
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects, and fails when it is not there
  const { data }: any = await response.json()
  return { status: response.status, data }
}
const secrets: string[] = []
async function issue(username: string, authorization?: string) {
  const { data } = await ask(
    `mutation { createTokenPair(input: { realmName: "staff", username: "${username}" }) { accessToken refreshToken session { id } } }`,
    authorization,
  )
  const { accessToken, refreshToken, session } = data.createTokenPair
  secrets.push(accessToken, refreshToken)
  return { accessToken, refreshToken, sessionId: session.id }
}
const isActive = async (token: string) =>
  (await ask(`{ introspectToken(token: "${token}") { active } }`)).data.introspectToken.active

const atPostgres = expect.stringMatching(/^PostgreSQL at 127\.0\.0\.1:\d+\/cli$/)
const counts = (invalidatedTokens: number, previouslyInvalidatedTokens: number) => ({
  invalidatedTokens,
  previouslyInvalidatedTokens,
  errorCount: 0,
  errorDetails: null,
  database: atPostgres,
})

describe('help', () => {
  const names = [
    'serve',
    'migrate',
    'client create',
    'client list',
    'client rotate-secret',
    'client replace-secret',
    'client update',
    'client disable',
    'client enable',
    'client delete',
    'invalidate',
    'revocations',
    'restored',
  ]

  test('exists for the commands that the page lists; the README lists some of them', async () => {
    const namesIn = async (path: string, heading: string) => {
      const page = await readFile(path, 'utf8')
      const [section = ''] = new RegExp(`## ${heading}.*?\\n## `, 's').exec(page) ?? []
      return [...section.matchAll(/^\| `([a-z -]+?)(?: [<-].*?)?` \|/gm)].map(([, name]) => name)
    }

    const inReadme = await namesIn('README.md', 'At the command line')

    expect(await namesIn('docs/command-line.md', 'Commands')).toEqual(names)
    expect(inReadme.length).toBeGreaterThan(5)
    expect(names).toEqual(expect.arrayContaining(inReadme))
  })

  test.each(['', 'client', ...names])('for `%s` is on stdout, with the exit codes', async (words) => {
    const name = words.split(' ').filter(Boolean)
    const help = await command([...name, '--help'])

    expect(help).toMatchObject(done)
    expect(help.stdout).toContain(`Usage: ${['invalidate-token', ...name].join(' ')} [`)
    expect(help.stdout).toMatch(
      /Exit codes:\n {2}0 {2}done\n {2}1 {2}.*\n {2}2 {2}wrong usage\n {2}3 {2}what was named/,
    )
  })

  test('that was not asked for is on stderr, with the exit code of wrong usage', async () => {
    for (const args of [[], ['client']]) {
      const { code, stdout, stderr } = await command(args)

      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).toContain('Usage: invalidate-token')
    }
  })
})

test('migrate prints what it applied, or that the database is up to date', async () => {
  const DATABASE_URL = await postgres.createDatabase('cli_migrate')
  const { entries } = JSON.parse(await readFile('drizzle/meta/_journal.json', 'utf8'))
  const applied = entries.map(({ tag }: { readonly tag: string }) => tag)

  const first = await runCommand(['migrate', '--json'], { DATABASE_URL })
  const second = await runCommand(['migrate'], { DATABASE_URL })

  expect(first).toMatchObject(done)
  expect(JSON.parse(first.stdout)).toEqual({ database: expect.stringContaining('/cli_migrate'), applied })
  expect(second).toMatchObject(done)
  expect(second.stdout).toMatch(/^Up to date: PostgreSQL at 127\.0\.0\.1:\d+\/cli_migrate\n$/)
})

test('serve --json prints one line once it is ready, and nothing when it stops', async () => {
  const child = spawnBin(['serve', '--json'], { DATABASE_URL: await postgres.createDatabase('cli_serve'), PORT: '0' })
  const [ready] = await once(child.stdout.setEncoding('utf8'), 'data')
  let rest = ''
  child.stdout.on('data', (part) => {
    rest += part
  })
  const { url: graphql, database, newAdminSecret } = JSON.parse(ready)
  const health = await fetch(new URL('/health', graphql))
  child.kill('SIGTERM')
  await once(child, 'close')

  expect(ready).toMatch(/^[^\n]+\n$/)
  expect([database, newAdminSecret, rest]).toEqual([
    expect.stringContaining('PostgreSQL at'),
    expect.stringMatching(/^its_[\w-]{43}$/),
    '',
  ])
  expect([health.status, child.exitCode]).toEqual([200, 0])
})

describe('a client', () => {
  /** Not by `command`, since this command must print a secret. */
  const made = async (args: readonly string[]) => JSON.parse((await runCommand(args, { DATABASE_URL: url })).stdout)

  test('is created by only one of two concurrent commands; its secret is printed and works at once', async () => {
    const create = ['client', 'create', 'login', '--scope', 'create_token', '--scope', 'introspect_token']

    // Not by `command`, since this command must print a secret.
    const ends = await Promise.all([1, 2].map(() => runCommand(create, { DATABASE_URL: url })))

    expect(ends.map(({ code }) => code).toSorted()).toEqual([0, 1])
    const [winner, loser] = ends.toSorted((one, other) => (one.code ?? 0) - (other.code ?? 0))
    expect(loser?.stdout).toBe('')
    expect(loser?.stderr).toBe(
      'There is a client login already: choose another id, or change it with `client update`, `rotate-secret` or `replace-secret`.\n',
    )
    const [secret = ''] = /its_[\w-]{43}/.exec(winner?.stdout ?? '') ?? []
    const authorization = `Basic ${btoa(`login:${secret}`)}`
    const where = `PostgreSQL at ${new URL(url).host}/cli`
    expect(winner?.stdout).toBe(
      `The client login may create_token, introspect_token. Its secret, shown this once:\n\n  secret     ${secret}\n  header     Authorization: ${authorization}\n  database   ${where}\n`,
    )
    await issue('alice', authorization)
  })

  test('that is disabled is refused from its next request on, while the tokens it issued stay valid; `client enable` enables it', async () => {
    const args = ['client', 'create', '--scope', 'create_token', '--scope', 'manage_token', 'gateway', '--json']
    const created = await made(args)
    expect(created).toEqual({
      id: 'gateway',
      scopes: ['create_token', 'manage_token'],
      secret: expect.stringMatching(/^its_[\w-]{43}$/),
      authorization: `Basic ${btoa(`gateway:${created.secret}`)}`,
      database: atPostgres,
    })
    const { authorization } = created
    const { accessToken } = await issue('alice', authorization)
    const query = 'subscription { revocationFeed { revocations { id } } }'
    const feed = await subscribe(fetch, { url: service.url, query, authorization })
    await feed.next()

    const { disabledAt, ...rest } = await read(['client', 'disable', 'gateway'])

    expect(rest).toEqual({ id: 'gateway', invalidatedTokens: 0, database: atPostgres })
    expect(new Date(disabledAt).toISOString()).toBe(disabledAt)
    expect((await ask('{ __typename }', authorization)).status).toBe(401)
    expect(await isActive(accessToken)).toBe(true)
    expect((await command(['client', 'disable', 'gateway'])).stdout).toContain(`disabled since ${disabledAt}`)
    expect(await read(['client', 'list'])).toContainEqual({
      id: 'gateway',
      scopes: created.scopes,
      createdAt: expect.any(String),
      disabledAt,
      previousSecretUntil: null,
    })
    await ask(`mutation { invalidateToken(input: { token: "${accessToken}" }) { errorCount } }`)
    expect(await feed.next()).toBe('complete')

    const enabled = await made(['client', 'enable', 'gateway', '--json'])
    expect(enabled).toEqual({
      id: 'gateway',
      scopes: created.scopes,
      secret: expect.stringMatching(/^its_[\w-]{43}$/),
      authorization: `Basic ${btoa(`gateway:${enabled.secret}`)}`,
      database: atPostgres,
    })
    expect((await ask('{ __typename }', enabled.authorization)).status).toBe(200)
    expect((await ask('{ __typename }', authorization)).status).toBe(401)
    secrets.push(created.secret, authorization, enabled.secret, enabled.authorization)
  })

  test('that is disabled or whose secret leaked loses its own tokens; sessions stay valid until it is deleted', async () => {
    const create = ['client', 'create', 'robot', '--scope', 'create_token', '--scope', 'manage_token', '--json']
    const own = async (authorization: string): Promise<string> => {
      const headers = { 'content-type': 'application/json', authorization }
      const body = JSON.stringify({ grant_type: 'client_credentials' })
      const at = new URL('/_security/oauth2/token', service.url)
      const { access_token } = await (await fetch(at, { method: 'POST', headers, body })).json()
      secrets.push(access_token)
      return access_token
    }
    const first = await made(create)
    const [leaked, spared] = [await own(first.authorization), await own(service.authorization ?? '')]
    const session = await issue('erin', first.authorization)

    const replaced = await made(['client', 'replace-secret', 'robot', '--json'])
    const later = await own(replaced.authorization)
    const disabled = await command(['client', 'disable', 'robot'])
    const sessionAfter = await isActive(session.accessToken)
    const deleted = await read(['client', 'delete', 'robot'])

    expect(replaced).toMatchObject({ id: 'robot', invalidatedTokens: 1, database: atPostgres })
    expect(disabled.stdout).toMatch(/ live on: --end-sessions ends them\.\n\n {2}ended +1 of its own tokens\n/)
    expect(sessionAfter).toBe(true)
    expect(deleted).toEqual({ id: 'robot', invalidatedTokens: 2, database: atPostgres })
    expect(await Promise.all([leaked, later, session.accessToken, spared].map(isActive))).toEqual([
      false,
      false,
      false,
      true,
    ])
    const record = await read(['revocations', '--realm', '_clients', '--username', 'robot'])
    expect(record.map(({ reason }: { readonly reason: string }) => reason)).toEqual([
      'account-disabled',
      'credential-compromise',
    ])
    secrets.push(first.secret, first.authorization, replaced.secret, replaced.authorization)
  })

  test('whose secret is rotated has two for a while, and other scopes when it is updated', async () => {
    const old = await made(['client', 'create', 'rotor', '--scope', 'create_token', '--json'])
    const rotated = await made(['client', 'rotate-secret', 'rotor', '--keep-previous', '3600', '--json'])
    const updated = await read(['client', 'update', 'rotor', '--scope', 'introspect_token'])
    const listed = await read(['client', 'list'])

    expect(rotated).toEqual({
      id: 'rotor',
      scopes: ['create_token'],
      secret: expect.stringMatching(/^its_[\w-]{43}$/),
      authorization: `Basic ${btoa(`rotor:${rotated.secret}`)}`,
      previousSecretUntil: expect.any(String),
      database: atPostgres,
    })
    expect(Date.parse(rotated.previousSecretUntil) - Date.now()).toBeGreaterThan(3_500_000)
    expect(updated).toEqual({ id: 'rotor', scopes: ['introspect_token'], database: atPostgres })
    expect(listed).toContainEqual({
      id: 'rotor',
      scopes: ['introspect_token'],
      createdAt: expect.any(String),
      disabledAt: null,
      previousSecretUntil: rotated.previousSecretUntil,
    })
    for (const { authorization } of [old, rotated])
      expect((await ask('{ __typename }', authorization)).status).toBe(200)
    const ended = await command(['client', 'rotate-secret', 'rotor', '--keep-previous', '0', '--secret-stdin'], chosen)
    expect(ended.stdout).toMatch(
      /^The client rotor has another secret\. The one before is not accepted any more\. Its /,
    )
    for (const { authorization } of [old, rotated])
      expect((await ask('{ __typename }', authorization)).status).toBe(401)
    secrets.push(chosen, old.secret, old.authorization, rotated.secret, rotated.authorization)
  })

  const chosen = 'a-chosen-secret-of-more-than-32-characters'

  test('that is the last manager stays; a wrong change is one sentence that names the right one', async () => {
    await read(['client', 'create', 'plain', '--scope', 'create_token', '--secret-stdin'], chosen)
    const last = await command(['client', 'delete', 'admin'])
    const enabled = await command(['client', 'enable', 'plain'])
    await command(['client', 'disable', 'plain'])
    const disabled = await command(['client', 'rotate-secret', 'plain'])
    const asJson = await command(['client', 'update', 'plain', '--scope', 'create_token', '--json'])
    await command(['client', 'delete', 'plain'])
    const used = await command(['client', 'create', 'plain', '--scope', 'create_token'])

    expect([last, enabled, disabled, used].map(({ code, stdout }) => [code, stdout])).toEqual(
      [last, enabled, disabled, used].map(() => [1, '']),
    )
    expect(last.stderr).toMatch(
      /^The client admin is the last one that may manage clients: .* manage_clients first\.\n$/,
    )
    expect(enabled.stderr).toMatch(/^The client plain is enabled already: /)
    expect(disabled.stderr).toBe('The client plain is disabled: enable it with `client enable plain`.\n')
    expect(JSON.parse(asJson.stderr).error.code).toBe('ERR_CLIENT_DISABLED')
    expect(used.stderr).toMatch(/^There was a client plain, which was deleted, and an id is never used again: /)
  })

  test.each([
    ['is printed to a closed pipe', '| true; exit "$' + '{PIPESTATUS[0]}"'],
    ['is printed to a closed output', '>&-'],
    ['does not fit on the disk', '>/dev/full'],
  ])('whose secret %s is reported as lost, with the way to replace it', (what, where) => {
    const id = what.replaceAll(' ', '-')
    const script = `node dist/cli.js client create ${id} --scope introspect_token ${where}`

    const { status, stderr } = spawnSync('bash', ['--norc', '-c', script], {
      env: { PATH: process.env['PATH'], DATABASE_URL: url },
      encoding: 'utf8',
    })

    expect([status, stderr]).toEqual([
      1,
      `The client ${id} has a secret that could not be written to standard output, so it is lost: give the client another one with \`client replace-secret ${id}\`.\n`,
    ])
  })

  test('gets its secret from standard input, and it is not printed', async () => {
    const secret = 'a-secret-of-more-than-32-characters-for-a-script'
    secrets.push(secret, btoa(`script:${secret}`))
    const create = ['client', 'create', 'script', '--scope', 'introspect_token', '--secret-stdin']

    const short = await command(create, 'too-short')
    const created = await read(create, `${secret}\n`)

    expect(short).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'Expected the secret of a client to be 32 to 512 visible ASCII characters without spaces, got 9 characters.\n',
    })
    expect(created).toEqual({ id: 'script', scopes: ['introspect_token'], database: atPostgres })
    expect((await ask('{ __typename }', `Basic ${btoa(`script:${secret}`)}`)).status).toBe(200)
    expect((await command(['client', 'list'])).stdout).toMatch(/^script +introspect_token +\d{4}-\S+Z$/m)
  })

  test('that does not exist is not changed', async () => {
    const ends = await Promise.all([
      command(['client', 'disable', 'nobody']),
      command(['client', 'replace-secret', 'nobody']),
      command(['client', 'update', 'nobody', '--scope', 'create_token']),
    ])

    for (const end of ends)
      expect(end).toEqual({ code: 3, stdout: '', stderr: 'There is no client nobody: see `client list`.\n' })
    expect((await read(['client', 'list'])).map(({ id }: { readonly id: string }) => id)).not.toContain('nobody')
  })
})

describe('invalidate', () => {
  test('takes a token of either kind from standard input, with or without a line break, and counts it once', async () => {
    const { accessToken, refreshToken } = await issue('alice')

    const newly = await read(invalidate('--token-stdin'), `${accessToken}\n`)
    const previously = await read(invalidate('--token-stdin'), accessToken)
    const refresh = await command(invalidate('--token-stdin'), refreshToken)

    expect(newly).toEqual({ ...counts(1, 0), revocation: expect.stringMatching(/^\d+$/), dryRun: false })
    expect(previously).toEqual({ ...counts(0, 1), revocation: null, dryRun: false })
    expect(refresh.stdout).toMatch(
      /^Invalidated +1\nPreviously invalidated +0\nErrors +0\nRevocation +\d+\nDatabase +PostgreSQL at \S+\/cli\n$/,
    )
    expect(await isActive(refreshToken)).toBe(false)
  })

  test('notifies subscribed pages and other processes before it exits', async () => {
    const { accessToken } = await issue('alice')
    const query = 'subscription { tokenInvalidated { invalidatedBy } }'
    const page = await subscribe(fetch, { url: service.url, query, authorization: `Bearer ${accessToken}` })
    const listener = new pg.Client({ connectionString: url })
    await listener.connect()
    let notifications = 0
    listener.on('notification', () => {
      notifications++
    })
    await listener.query('listen revocations')

    expect(await command(invalidate('--token-stdin'), accessToken)).toMatchObject(done)

    expect((await page.next()).data).toEqual({ tokenInvalidated: { invalidatedBy: null } })
    await listener.query('select')
    expect(notifications).toBe(1)
    await Promise.all([page.close(), listener.end()])
  })

  test('ends a session by its token or id, and an owner’s sessions from before an instant; a dry run ends nothing', async () => {
    const [one, other] = [await issue('bob'), await issue('bob')]
    const past = invalidate('--realm', 'staff', '--username', 'bob', '--issued-before', '2020-01-01T00:00:00+01:00')
    const owner = invalidate('--realm', 'staff', '--username', 'bob')

    expect(await read(past)).toEqual({ ...counts(0, 0), revocation: null, dryRun: false })
    expect(await read([...owner, '--dry-run'])).toEqual({ ...counts(4, 0), revocation: null, dryRun: true })
    expect(await isActive(one.accessToken)).toBe(true)
    expect(await read(invalidate('--token-stdin', '--whole-session'), one.accessToken)).toMatchObject(counts(2, 0))
    // The session is known but has ended already: having nothing left to end is not an error.
    expect(await read(invalidate('--token-stdin', '--whole-session'), one.accessToken)).toMatchObject(counts(0, 0))
    expect(await read(invalidate('--session', other.sessionId))).toMatchObject(counts(2, 0))
    expect(await read(owner)).toMatchObject(counts(0, 0))
  })

  test('exits with 2 for a token with other characters around it or in it, and the token stays valid', async () => {
    const { accessToken } = await issue('alice')
    const asTyped = damages.map(([, damage]) => damage(accessToken)).filter((text) => text.trim() !== accessToken)

    for (let start = 0; start < asTyped.length; start += 5) {
      const ends = asTyped.slice(start, start + 5).map((text) => command(invalidate('--token-stdin'), text))
      for (const { code, stdout, stderr } of await Promise.all(ends)) {
        expect([code, stdout]).toEqual([2, ''])
        expect(stderr).toMatch(
          /^Expected a token on standard input and nothing else, got (more than one word|one with .*)\.\n$/,
        )
      }
    }
    expect(await isActive(accessToken)).toBe(true)
  })

  test('exits with 3 for a token or session that this service did not issue', async () => {
    const unknown = `${(await issue('alice')).accessToken.slice(0, -1)}!`

    const ends = await Promise.all([
      command(invalidate('--token-stdin'), unknown),
      command(invalidate('--token-stdin', '--dry-run'), 'something else'.replace(' ', '-')),
      command(invalidate('--session', '999999999')),
    ])
    const asJson = await command([...invalidate('--session', '999999999'), '--json'])

    for (const { code, stdout, stderr } of ends) {
      expect([code, stdout]).toEqual([3, ''])
      expect(stderr).toMatch(/^[^\n]* Nothing was changed\.\n$/)
    }
    expect([asJson.code, asJson.stdout]).toEqual([3, ''])
    expect(JSON.parse(asJson.stderr)).toEqual({
      error: {
        code: 'ERR_UNKNOWN',
        message: 'There is no session 999999999, or it was deleted after it had expired. Nothing was changed.',
      },
    })
  })
})

test('invalidate ends all that a client created, and everything, and revocations names what was covered', async () => {
  await issue('erin')

  const refused = await command(invalidate('--client', 'admin', '--expect-at-most', '1'))
  const ofClient = await read(invalidate('--client', 'admin'))
  await issue('erin')
  const ofAll = await read(invalidate('--everything'))
  const table = await command(['revocations', '--limit', '2'])
  const filtered = await read(['revocations', '--client', 'admin'])

  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('nothing was changed') })
  expect(ofClient.invalidatedTokens).toBeGreaterThan(1)
  expect(ofAll.invalidatedTokens).toBeGreaterThan(1)
  expect(table.stdout).toMatch(new RegExp(`${ofAll.revocation} +\\S+ +everything +\\* `))
  expect(table.stdout).toMatch(new RegExp(`${ofClient.revocation} +\\S+ +client +client admin `))
  expect(filtered).toMatchObject([{ id: ofClient.revocation, selector: 'client', clientId: 'admin', realmName: null }])
})

test('revocations lists who ended which tokens, why and how many; it can be filtered, and continued from an id', async () => {
  await issue('carol')
  const swept = await read(
    invalidate('--username', 'carol', '--reason', 'CREDENTIAL_COMPROMISE', '--comment', 'Phishing of 21 November'),
  )
  await read(invalidate('--realm', 'guests'))

  const [newest, carols] = await read(['revocations', '--limit', '2'])
  const filtered = await read(['revocations', '--username', 'carol', '--reason', 'credential-compromise'])
  const before = await read(['revocations', '--before', newest.id, '--limit', '1'])
  const table = await command(['revocations', '--username', 'carol'])
  const nothing = await command(['revocations', '--realm', 'nowhere'])

  expect(newest).toMatchObject({ realmName: 'guests', username: null, reason: null })
  expect(carols).toEqual({
    id: swept.revocation,
    selector: 'owner',
    realmName: null,
    username: 'carol',
    clientId: null,
    sessionId: null,
    pairId: null,
    bound: expect.stringMatching(/^\d+$/),
    sparedSessionId: null,
    at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    initiatingEntity: 'admin',
    invalidatedBy: `operator:${userInfo().username}`,
    reason: 'credential-compromise',
    comment: 'Phishing of 21 November',
    invalidatedTokens: 2,
    previouslyInvalidatedTokens: 0,
  })
  expect([filtered, before]).toEqual([[carols], [carols]])
  expect(table.stdout.split('\n')).toEqual([
    expect.stringMatching(/^ID +AT +WHAT +WHOSE +SESSION +BY +REASON +NEWLY +PREVIOUSLY +COMMENT$/),
    expect.stringMatching(/^\d+ +\S+Z +owner +\*\/carol +operator:\S+ +credential-compromise +2 +0 +Phishing of 21/),
    '',
  ])
  expect(nothing.stdout).toMatch(/^There is no such revocation in PostgreSQL at \S+\/cli\.\n$/)
  const page = await command(['revocations', '--limit', '2'])
  expect(page.stdout.split('\n').slice(3)).toEqual(['', `Older ones: --before ${carols.id}`, ''])
})

test('a command keeps its exit code when the reader of its output goes away', () => {
  const statuses = 'echo "$' + '{PIPESTATUS[0]}"'
  const script = `node dist/cli.js revocations --json | true; ${statuses}; node dist/cli.js nonsense 2>&1 >&- | true; ${statuses}`

  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', script], {
    env: { PATH: process.env['PATH'], DATABASE_URL: url },
    encoding: 'utf8',
  })

  expect([stdout, stderr]).toEqual(['0\n2\n', ''])
})

test('output that does not fit on the disk is reported in one sentence, with exit code 1', () => {
  const { status, stderr } = spawnSync('bash', ['--norc', '-c', 'node dist/cli.js client list >/dev/full'], {
    env: { PATH: process.env['PATH'], DATABASE_URL: url },
    encoding: 'utf8',
  })

  expect([status, stderr]).toEqual([1, expect.stringMatching(/^The answer cannot be written .* ENOSPC: .*\n$/)])
})

test('wrong usage is reported before a database is opened, and a token on the command line is not printed', async () => {
  const nowhere = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' }
  const token = `ita_${'A'.repeat(56)}`

  const ends = await Promise.all([
    runCommand(invalidate(token), nowhere),
    runCommand(invalidate('--token-stdin'), nowhere),
    runCommand(invalidate('--realm', 'r', '--username', '', '--json'), nowhere),
  ])

  expect(ends.map(({ code, stdout }) => [code, stdout])).toEqual([
    [2, ''],
    [2, ''],
    [2, ''],
  ])
  const [onCommandLine, nothing, empty] = ends.map(({ stderr }) => stderr)
  expect(onCommandLine).toMatch(/^There is a token [^\n]* in the shell’s history now[^\n]*\n$/)
  expect(onCommandLine).not.toContain('AAAA')
  expect(nothing).toBe('Expected a token on standard input, and it is empty.\n')
  expect(JSON.parse(empty ?? '').error).toMatchObject({ code: 'ERR_USAGE' })
})

test('a database that is unreachable or refuses access, and wrong settings, are reported in one sentence', async () => {
  const administrator = new pg.Client({ connectionString: url })
  await administrator.connect()
  await administrator.query('create role intern login')
  await administrator.end()
  const as = (change: Partial<URL>) => ({ DATABASE_URL: Object.assign(new URL(url), change).href })
  const down = as({ port: '1' })
  const settings = [
    down,
    as({ pathname: '/missing' }),
    as({ username: 'stranger' }),
    as({ username: 'intern' }),
    as({ search: '?sslmode=verify-full' }),
    { DATABASE_URL: 'mysql://127.0.0.1/x' },
  ]

  const ends = await Promise.all(settings.map((environment) => runCommand(['client', 'list', '--json'], environment)))

  for (const { code, stdout } of ends) expect([code, stdout]).toEqual([1, ''])
  const errors = ends.map(({ stderr }) => JSON.parse(stderr).error)
  const refused = (evidence: string) => ({
    code: 'ERR_CONFIGURATION',
    message: expect.stringMatching(
      new RegExp(`^PostgreSQL refuses the connection or its role: check DATABASE_URL, .* \\(${evidence}`),
    ),
  })
  expect(errors).toEqual([
    { code: 'ERR_STORAGE_UNAVAILABLE', message: expect.stringContaining('(ECONNREFUSED: ') },
    refused('3D000: database "missing" does not exist'),
    refused('28000: role "stranger" does not exist'),
    refused('42501: permission denied'),
    refused('The server does not support SSL connections'),
    { code: 'ERR_CONFIGURATION', message: expect.stringContaining('DATABASE_URL must look like postgres://') },
  ])
  const asText = await runCommand(['migrate'], down)
  expect(asText.stderr).toMatch(/^The database is not available; try again in a moment\. \(ECONNREFUSED: [^\n]*\)\n$/)
})

test('invalidate creates no embedded database, and an unusable folder is reported in one sentence', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'invalidate-token-folder-'))
  const none = { DATA_DIR: join(folder, 'none') }
  const damaged = { DATA_DIR: join(folder, 'damaged') }
  await writeFile(join(folder, 'file'), '')
  await mkdir(join(folder, 'damaged/pglite'), { recursive: true })
  await writeFile(join(folder, 'damaged/pglite/PG_VERSION'), '9')

  const ends = await Promise.all([
    runCommand(invalidate('--realm', 'r'), none),
    runCommand(['migrate'], { DATA_DIR: join(folder, 'file/data') }),
    runCommand(['migrate'], damaged),
    // A folder that takes no folders.
    runCommand(['migrate'], { DATA_DIR: '/proc/none' }),
  ])
  const left = await readdir(folder)
  await rm(folder, { recursive: true })

  expect(ends.map(({ code, stdout }) => [code, stdout])).toEqual(ends.map(() => [1, '']))
  expect(left).toEqual(['damaged', 'file'])
  expect(ends.map(({ stderr }) => stderr.replaceAll(folder, '…'))).toEqual([
    'There is no database in the folder …/none: set DATABASE_URL or DATA_DIR, or make one with `migrate`.\n',
    expect.stringMatching(
      /^The folder …\/file\/data (?:cannot|can't) be used: choose another DATA_DIR, or .* \(ENOTDIR: .*\)\n$/,
    ),
    expect.stringMatching(
      /^The database in the folder …\/damaged (?:cannot|can't) be opened, it is damaged or not ours: .*\)\n$/,
    ),
    expect.stringMatching(/^The folder \/proc\/none can't be used: choose another DATA_DIR, or .* \(ENOENT: .*\)\n$/),
  ])
})

test('on the embedded database commands are refused while a service runs, and work when none runs', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'invalidate-token-cli-'))
  const environment = { DATA_DIR: join(folder, 'data') }
  const running = await startProcess(environment)
  const headers = { 'content-type': 'application/json', authorization: running.authorization ?? '' }
  const query = 'mutation { createTokenPair(input: { realmName: "r", username: "u" }) { accessToken } }'
  await fetch(running.url, { method: 'POST', headers, body: JSON.stringify({ query }) })

  const refused = await runCommand(['client', 'list', '--json'], environment)
  await running.end()
  const swept = await runCommand(invalidate('--realm', 'r', '--json'), environment)
  const record = await runCommand(['revocations', '--json'], environment)
  await rm(folder, { recursive: true })

  expect([refused.code, refused.stdout]).toEqual([1, ''])
  const { code, message } = JSON.parse(refused.stderr).error
  expect([code, message]).toEqual([
    'ERR_DATA_DIR_IN_USE',
    expect.stringMatching(/in use by process \d+ .*: stop that one, /),
  ])
  expect(swept).toMatchObject(done)
  expect(JSON.parse(swept.stdout)).toMatchObject({
    invalidatedTokens: 2,
    database: `embedded PGlite in ${environment.DATA_DIR}`,
  })
  expect(JSON.parse(record.stdout)).toMatchObject([{ realmName: 'r', username: null, invalidatedTokens: 2 }])
})

const hasScript = spawnSync('script', ['--version']).stdout?.includes('util-linux') ?? false

test.skipIf(!hasScript /* it is in util-linux */)('at a terminal a token is asked for and not shown', async () => {
  const { accessToken } = await issue('dave')
  // The terminal shows input until the command turns that off, so the token is typed only after the prompt.
  const typed = `mkfifo keys; script -qefc "${process.execPath} ${process.cwd()}/dist/cli.js invalidate --token-stdin" out <keys >/dev/null &
    exec 3>keys; until grep -q 'not shown' out 2>/dev/null; do sleep 0.05; done; sleep 0.2; cat >&3; wait $!; echo "ended $?"; cat out`
  const folder = await mkdtemp(join(tmpdir(), 'invalidate-token-tty-'))

  const shown = execFileSync('bash', ['--norc', '-c', typed], {
    cwd: folder,
    env: { PATH: process.env['PATH'], DATABASE_URL: url },
    input: `${accessToken}\r`,
    encoding: 'utf8',
    timeout: 100_000,
  })
  await rm(folder, { recursive: true })

  expect(shown).toMatch(/^ended 0$/m)
  expect(shown).toMatch(/Paste a token \(it is not shown\): \r?\n/)
  expect(shown).toMatch(/^Invalidated +1\r?$/m)
  expect(shown).not.toContain(accessToken.slice(0, 12))
})

test('no command prints a token or a secret, except the one that creates it', () => {
  const output = printed.join('\n')

  expect(printed.length).toBeGreaterThan(30)
  expect(secrets.length).toBeGreaterThan(15)
  expect(secrets.filter((secret) => output.includes(secret))).toEqual([])
})
