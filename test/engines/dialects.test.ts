import { describe, expect, test } from 'vitest'
import { spentRefreshTokens } from '../../src/storage/schema.ts'
import { admin, asAdmin, ask, useTestService } from '../support/service.ts'

const service = useTestService()

async function send(path: string, type: string, { method = 'POST', body }: { method?: string; body: string }) {
  const headers = { authorization: asAdmin, 'content-type': type }
  const response = await service.handler(new Request(`http://localhost${path}`, { method, headers, body }))
  const text = await response.text()
  return { status: response.status, body: text === '' ? '' : JSON.parse(text) }
}
const sendForm = (path: string, fields: Readonly<Record<string, string>>) =>
  send(path, 'application/x-www-form-urlencoded', { body: new URLSearchParams(fields).toString() })
const sendJson = (path: string, body: unknown, method = 'POST') =>
  send(path, 'application/json', { method, body: JSON.stringify(body) })

type Half = 'access' | 'refresh'

/** What can be done with a token in one dialect. */
interface Dialect {
  readonly name: string
  /** Ends a token. Answers the counts as newly/previously, or `done` in a dialect without counts. */
  invalidate(half: Half, token: string): Promise<string>
  isActive(token: string): Promise<boolean>
  /** Answers `refreshed`, or the dialect's reason for the refusal. */
  refresh(token: string): Promise<string>
}

const graphql: Dialect = {
  name: 'GraphQL',
  async invalidate(half, token) {
    const input = half === 'access' ? { token } : { refreshToken: token }
    const { data } = await ask(
      service.handler,
      'mutation ($input: InvalidateTokenInput!) { invalidateToken(input: $input) { invalidatedTokens previouslyInvalidatedTokens } }',
      { variables: { input } },
    )
    return `${data.invalidateToken.invalidatedTokens}/${data.invalidateToken.previouslyInvalidatedTokens}`
  },
  async isActive(token) {
    const query = 'query ($token: String!) { introspectToken(token: $token) { active } }'
    return (await ask(service.handler, query, { variables: { token }, authorization: asAdmin })).data.introspectToken
      .active
  },
  async refresh(token) {
    const query =
      'mutation ($token: String!) { refreshTokenPair(input: { refreshToken: $token }) { __typename ... on RefreshTokenRejected { code } } }'
    const { data } = await ask(service.handler, query, { variables: { token } })
    return data.refreshTokenPair.code ?? 'refreshed'
  },
}

const elasticsearch: Dialect = {
  name: 'Elasticsearch',
  async invalidate(half, token) {
    const fields = half === 'access' ? { token } : { refresh_token: token }
    const { body } = await sendJson('/_security/oauth2/token', fields, 'DELETE')
    return `${body.invalidated_tokens}/${body.previously_invalidated_tokens}`
  },
  async isActive(token) {
    const headers = { authorization: `Bearer ${token}` }
    const { status } = await service.handler(new Request('http://localhost/_security/_authenticate', { headers }))
    return status === 200
  },
  async refresh(token) {
    const fields = { grant_type: 'refresh_token', refresh_token: token }
    const { status, body } = await sendJson('/_security/oauth2/token', fields)
    return status === 200 ? 'refreshed' : body.error_description
  },
}

const oauth: Dialect = {
  name: 'OAuth',
  async invalidate(half, token) {
    const { status } = await sendForm('/oauth2/revoke', { token, token_type_hint: `${half}_token` })
    return status === 200 ? 'done' : String(status)
  },
  async isActive(token) {
    return (await sendForm('/oauth2/introspect', { token })).body.active
  },
  async refresh(token) {
    const { status, body } = await sendForm('/oauth2/token', { grant_type: 'refresh_token', refresh_token: token })
    return status === 200 ? 'refreshed' : body.error
  },
}

const dialects = [graphql, elasticsearch, oauth]
const login = async () => {
  const pair = await service.tokens.issue({ owner: { realm: 'staff', username: 'alice' } }, admin)
  return { access: pair.accessToken, refresh: pair.refresh?.token ?? 'none' }
}
const inAll = <Answer>(act: (dialect: Dialect) => Promise<Answer>) => Promise.all(dialects.map(act))

describe.each(dialects)('when $name ends a token', (ending) => {
  test('an access token is inactive in all three dialects, and each counts it as ended before', async () => {
    const { access } = await login()
    expect(await inAll(({ isActive }) => isActive(access))).toEqual([true, true, true])

    expect(await ending.invalidate('access', access)).toBe(ending === oauth ? 'done' : '1/0')

    expect(await inAll(({ isActive }) => isActive(access))).toEqual([false, false, false])
    expect(await inAll(({ invalidate }) => invalidate('access', access))).toEqual(['0/1', '0/1', 'done'])
  })

  test('a refresh token is refused in all three dialects; its access token ends with it only through OAuth', async () => {
    const { access, refresh } = await login()

    expect(await ending.invalidate('refresh', refresh)).toBe(ending === oauth ? 'done' : '1/0')

    expect(await inAll((dialect) => dialect.refresh(refresh))).toEqual([
      'INVALIDATED',
      'token has been invalidated',
      'invalid_grant',
    ])
    const isAlive = ending !== oauth
    expect(await inAll(({ isActive }) => isActive(access))).toEqual([isAlive, isAlive, isAlive])
  })
})

test.each(dialects)(
  'a refresh token that was spent through $name gets the same pair in all three dialects',
  async (first) => {
    const { refresh } = await login()

    expect(await first.refresh(refresh)).toBe('refreshed')

    expect(await inAll((dialect) => dialect.refresh(refresh))).toEqual(['refreshed', 'refreshed', 'refreshed'])
    expect(await service.database.db.$count(spentRefreshTokens)).toBe(1)
  },
)

test('a token that all three dialects end at once is counted as new at most once', async () => {
  for (let round = 0; round < 10; round++) {
    const { access } = await login()

    const answers = await inAll(({ invalidate }) => invalidate('access', access))

    const counted = answers.filter((answer) => answer === '1/0').length
    expect(counted).toBeLessThanOrEqual(1)
    expect(answers.filter((answer) => answer === '0/1')).toHaveLength(2 - counted)
  }
})
