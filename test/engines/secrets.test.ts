import { sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { createLogger, logEvents } from '../../src/telemetry.ts'
import { anonymous } from '../../src/tokens/caller.ts'
import { basic } from '../support/basic.ts'
import { post, postJson } from '../support/oauth.ts'
import { admin, adminSecret, asAdmin, ask, useTestService } from '../support/service.ts'

const service = useTestService({ keepsRows: true })

/** All rows of all tables as text. The catalog names the tables, so that one that is added later is included. */
async function dump(): Promise<string> {
  const tables = await select<{ name: string }>(
    sql`select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`,
  )
  const rows = await Promise.all(
    tables.map(({ name }) => select<{ text: string }>(sql`select t::text as text from ${sql.identifier(name)} t`)),
  )
  return rows
    .flat()
    .map(({ text }) => text)
    .join('\n')
}

function select<Row>(query: ReturnType<typeof sql>): Promise<Row[]> {
  const { db } = service.database
  // biome-ignore lint/suspicious/noExplicitAny: the two drivers type a raw result differently, both have rows
  return db.execute(query).then((result: any) => result.rows)
}

/** The forms of a token's secret: as in the token, and as Postgres prints bytes. */
function formsOf(token: string): readonly string[] {
  const secret = Buffer.from(token.slice(4), 'base64url').subarray(14, 38)
  return [token, token.slice(4), secret.toString('hex'), secret.toString('base64'), secret.toString('base64url')]
}

test('after every kind of operation no row, log line or error contains a token or a client secret', async () => {
  const lines: string[] = []
  const logger = createLogger((line) => lines.push(line))
  const pair = await service.tokens.issue({ owner: { realm: 'staff', username: 'alice' } }, admin)
  const refreshToken = pair.refresh?.token ?? ''
  const refreshed = await service.tokens.refresh(refreshToken)
  const successor = refreshed.outcome === 'refreshed' ? refreshed.pair : expect.unreachable()
  await service.tokens.invalidate({ kind: 'access-token', token: pair.accessToken }, anonymous)
  service.clock.advance(60)
  await service.tokens.refresh(refreshToken)
  const answers = await Promise.all([
    ask(
      service.handler,
      `mutation { invalidateToken(input: { token: "${pair.accessToken}", refreshToken: "${refreshToken}" }) { errorCount } }`,
    ),
    ask(service.handler, `mutation { invalidateToken(input: { token: ["${pair.accessToken}"] }) { errorCount } }`),
    ask(service.handler, 'query ($token: String!) { introspectToken(token: $token) { active } }', {
      variables: { token: [refreshToken] },
      authorization: asAdmin,
    }),
    ask(service.handler, '{ currentToken { active } }', { authorization: `Bearer ${pair.accessToken}` }),
    ask(service.handler, '{ currentToken { active } }', { authorization: `Basic ${pair.accessToken}` }),
  ])
  service.reports.forEach(logEvents(logger))

  const everything = [await dump(), lines.join('\n'), ...answers.map(({ text }) => text)].join('\n')

  expect(everything).toContain('staff')
  const secrets = [pair.accessToken, refreshToken, successor.accessToken, successor.refresh?.token ?? '']
  for (const form of secrets.flatMap(formsOf)) expect(everything.includes(form)).toBe(false)
  expect(everything.includes(adminSecret)).toBe(false)
})

test('after every change of a client no row, log line or error contains its secret, and only the answer that made one', async () => {
  const lines: string[] = []
  const logger = createLogger((line) => lines.push(line))
  const [chosen, other] = ['a-chosen-secret-of-more-than-32-characters', 'another-secret-of-more-than-32-characters']
  const operations = [
    ['createTokenClient', { id: 'robot', scopes: ['create_token'] }],
    ['rotateTokenClientSecret', { id: 'robot' }],
    ['rotateTokenClientSecret', { id: 'robot', secret: chosen }],
    ['replaceTokenClientSecret', { id: 'robot', secret: chosen }],
    ['replaceTokenClientSecret', { id: 'robot', endSessions: true }],
    ['updateTokenClient', { id: 'robot', scopes: ['introspect_token'] }],
    ['disableTokenClient', { id: 'robot' }],
    ['enableTokenClient', { id: 'robot', secret: other }],
    ['enableTokenClient', { id: 'robot', secret: chosen }],
    ['createTokenClient', { id: 'robot', scopes: [], secret: chosen }],
    ['createTokenClient', { id: chosen, scopes: [chosen], secret: [chosen] }],
    ['createTokenClient', { id: 'new', scopes: [chosen], secret: chosen }],
    ['createTokenClient', { id: 'new', scopes: [], secret: chosen.slice(0, 31) }],
    ['deleteTokenClient', { id: 'robot' }],
  ] as const
  const generated: string[] = []
  const texts: string[] = []
  for (const [mutation, input] of operations) {
    const query = `mutation ($input: ${mutation[0]?.toUpperCase()}${mutation.slice(1)}Input!) {
      ${mutation}(input: $input) { ... on TokenClientChanged { secret client { id scopes } } ... on TokenClientRejected { code message } } }`
    const { data, text } = await ask(service.handler, query, { variables: { input }, authorization: asAdmin })
    const secret = data?.[mutation]?.secret
    if (typeof secret === 'string') generated.push(secret)
    else texts.push(text)
  }
  service.reports.forEach(logEvents(logger))

  const everything = [await dump(), lines.join('\n'), ...texts].join('\n')

  expect(everything).toContain('robot')
  expect(generated).toHaveLength(3)
  const secrets = [...generated, ...generated.map((secret) => secret.slice(4)), chosen, chosen.slice(0, 31), other]
  for (const secret of secrets)
    for (const form of [secret, Buffer.from(secret).toString('hex'), btoa(secret)])
      expect(everything.includes(form), form.slice(0, 6)).toBe(false)
})

test('no OAuth route repeats a token or a secret from any place of a request, and only a refresh answers tokens', async () => {
  const lines: string[] = []
  const logger = createLogger((line) => lines.push(line))
  const pair = await service.tokens.issue({ owner: { realm: 'oauth', username: 'alice' } }, admin)
  const ended = await service.tokens.issue({ owner: { realm: 'oauth', username: 'alice' } }, admin)
  await service.tokens.invalidate({ kind: 'access-token', token: ended.accessToken }, anonymous, { wholeSession: true })
  const byAdmin = { authorization: asAdmin }
  const secrets = [pair, ended].flatMap(({ accessToken, refresh }) => [accessToken, refresh?.token ?? ''])
  const formsWith = (secret: string) => [
    { token: secret },
    { token: `${secret}"` },
    { token: '', token_type_hint: secret },
    { [secret]: secret },
    { grant_type: secret, refresh_token: secret },
    { grant_type: 'refresh_token', refresh_token: secret, scope: secret },
    { grant_type: 'refresh_token', refresh_token: secret, scope: `"${secret}` },
    { client_id: secret, client_secret: secret, token: 'x' },
    { client_id: secret, token: 'x' },
    { client_assertion: secret, token: 'x' },
    { client_id: 'admin', client_secret: adminSecret, token: ended.accessToken },
  ]
  const subjectsWith = (secret: string) => [
    { sub_id: secret },
    { [secret]: 1 },
    { sub_id: { format: secret } },
    { sub_id: { format: 'opaque', [secret]: 1 } },
    { sub_id: { format: 'opaque', id: secret } },
    { sub_id: { format: 'email', email: secret } },
  ]
  const texts: string[] = []
  for (const secret of [...secrets, adminSecret])
    for (const headers of [
      {},
      byAdmin,
      { authorization: `Bearer ${secret}` },
      { authorization: basic(secret, secret) },
    ]) {
      for (const path of ['/oauth2/introspect', '/oauth2/token', '/oauth2/revoke'])
        for (const form of formsWith(secret)) {
          const { status, text } = await post(service.handler, path, form, headers)
          if (path !== '/oauth2/token' || status !== 200) texts.push(text)
        }
      for (const body of subjectsWith(secret))
        texts.push((await postJson(service.handler, '/oauth2/global-token-revocation', body, headers)).text)
    }
  service.reports.forEach(logEvents(logger))

  const everything = [await dump(), lines.join('\n'), ...texts].join('\n')

  expect(everything).toContain('"active":false')
  for (const form of secrets.flatMap(formsOf)) expect(everything.includes(form)).toBe(false)
  expect(everything.includes(adminSecret)).toBe(false)
})

test('the log replaces what looks like a token, wherever it is', () => {
  const lines: string[] = []
  const token = `ita_${'A'.repeat(56)}`

  createLogger((line) => lines.push(line)).error(
    { err: new Error(`oh ${token}`, { cause: new Error(token) }), token },
    token,
  )

  expect(lines).toHaveLength(1)
  expect(lines[0]).not.toContain('AAAA')
  expect(lines[0]).toContain('oh [token]')
})
