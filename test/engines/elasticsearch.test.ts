import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { createHandler } from '../../src/http/handler.ts'
import { createClientStore } from '../../src/storage/client-store.ts'
import { digestClientSecret } from '../../src/tokens/clients.ts'
import { TokenServiceError } from '../../src/tokens/errors.ts'
import type { Owner } from '../../src/tokens/owner.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import { basic } from '../support/basic.ts'
import { damages } from '../support/lookalikes.ts'
import { noTokens } from '../support/no-tokens.ts'
import { admin, asAdmin, useTestService } from '../support/service.ts'

const service = useTestService()

const alice = { realm: 'staff', username: 'alice' }
const issue = (owner: Owner = alice) => service.tokens.issue({ owner }, admin)
const refreshTokenOf = ({ refresh }: IssuedPair) => refresh?.token ?? 'none'
const isActive = async (token: string) => (await service.tokens.introspect(token, admin)).active
const refresh = (pair: IssuedPair) => service.tokens.refresh(refreshTokenOf(pair))
const end = (kind: 'access-token' | 'refresh-token', token: string) => service.tokens.invalidate({ kind, token }, admin)

const tokenPath = '/_security/oauth2/token'
const legacyPath = '/_xpack/security/oauth2/token'

interface TestRequest {
  readonly method?: string
  readonly path?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string | undefined>>
}

async function ask(
  { method = 'DELETE', path = tokenPath, body, headers = {} }: TestRequest,
  handler = service.handler,
) {
  const allHeaders = { authorization: asAdmin, 'content-type': 'application/json', ...headers }
  const definedHeaders = Object.entries(allHeaders).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  )
  const isRaw = body === undefined || typeof body === 'string' || body instanceof Uint8Array
  const response = await handler(
    new Request(`http://localhost${path}`, {
      method,
      headers: Object.fromEntries(definedHeaders),
      ...(body !== undefined && { body: (isRaw ? body : JSON.stringify(body)) as BodyInit }),
    }),
  )
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, body: text === '' ? '' : JSON.parse(text) }
}

const invalidate = (body: unknown, others: Omit<TestRequest, 'body'> = {}) => ask({ ...others, body })
const grant = (body: unknown, others: Omit<TestRequest, 'body'> = {}) => ask({ method: 'POST', ...others, body })

async function countsOf(body: unknown): Promise<string> {
  const { body: counts } = await invalidate(body)
  return `${counts.invalidated_tokens}/${counts.previously_invalidated_tokens}`
}

/** Adds a client with these scopes and answers its Authorization header. */
async function clientWith(id: string, scopes: readonly string[]): Promise<string> {
  const secretDigest = digestClientSecret('s'.repeat(32))
  await createClientStore(service.database).putClient({ id, secretDigest, scopes })
  return basic(id, 's'.repeat(32))
}

describe('the answer to an invalidation', () => {
  test('has three counts in Elasticsearch’s order, and no details without errors', async () => {
    const { accessToken } = await issue()

    const { status, text } = await invalidate({ token: accessToken })

    expect([status, text]).toEqual([200, '{"invalidated_tokens":1,"previously_invalidated_tokens":0,"error_count":0}'])
  })

  test('also has the number of errors, and their details', async () => {
    const cause = { type: 'illegal_argument_exception', reason: 'the issuer refused' }
    const error = { type: 'exception', reason: 'Error invalidating access_token: ', causedBy: cause }
    const tokens = {
      ...service.tokens,
      invalidate: async () => ({ invalidated: 1, previouslyInvalidated: 2, errors: [error], revision: 7 }),
    }
    const handler = createHandler({ tokens, assertReady: service.database.ping, emit: () => undefined })

    expect((await ask({ body: { realm_name: 'staff' } }, handler)).body).toEqual({
      invalidated_tokens: 1,
      previously_invalidated_tokens: 2,
      error_count: 1,
      error_details: [{ type: 'exception', reason: 'Error invalidating access_token: ', caused_by: cause }],
    })
  })

  test('on the path of 6.x also says whether this request ended a token', async () => {
    const { accessToken } = await issue()
    const ask6 = () => invalidate({ token: accessToken }, { path: legacyPath })

    const first = await ask6()

    expect(first.text).toMatch(/^{"created":true,"invalidated_tokens":1,/)
    expect(first.headers.get('warning')).toContain('Use [DELETE /_security/oauth2/token] instead.')
    expect((await ask6()).text).toMatch(/^{"created":false,"invalidated_tokens":0,"previously_invalidated_tokens":1,/)
  })

  test.each([
    ['application/vnd.elasticsearch+json; compatible-with=8', 'application/vnd.elasticsearch+json;compatible-with=8'],
    ['application/vnd.elasticsearch+json; compatible-with=9', 'application/vnd.elasticsearch+json;compatible-with=9'],
    [
      'application/vnd.elasticsearch+json;compatible-with=8,text/plain',
      'application/vnd.elasticsearch+json;compatible-with=8',
    ],
    ['application/json', 'application/json'],
    [undefined, 'application/json'],
  ])('to Accept %s has the type %s', async (accept, type) => {
    const { headers } = await invalidate(
      { realm_name: 'staff' },
      { headers: { accept, 'content-type': accept?.split(',')[0] ?? 'application/json' } },
    )

    expect(headers.get('content-type')).toBe(type)
  })

  test.each<[string, TestRequest]>([
    ['a success', { body: { realm_name: 'staff' } }],
    ['an unknown token', { body: { token: 'x' } }],
    ['an unreadable body', { body: '{' }],
    ['wrong credentials', { headers: { authorization: 'Basic eDp5' } }],
    ['the service’s description', { method: 'GET', path: '/' }],
  ])('names the product in a header, and is not cacheable: %s', async (_name, request) => {
    const { headers } = await ask(request)

    expect([headers.get('x-elastic-product'), headers.get('cache-control')]).toEqual(['Elasticsearch', 'no-store'])
  })

  test('is spread over lines when the request asks for it', async () => {
    const { text } = await invalidate({ realm_name: 'staff' }, { path: `${tokenPath}?pretty` })

    expect(text).toMatch(/^{\n {2}"invalidated_tokens": 0,/)
  })

  test('to twenty concurrent requests counts a token as new once', async () => {
    const { accessToken } = await issue()

    const answers = await Promise.all(Array.from({ length: 20 }, () => invalidate({ token: accessToken })))

    expect(answers.map(({ body }) => body.invalidated_tokens).toSorted()).toEqual([...Array(19).fill(0), 1])
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
  })
})

describe('a sweep counts the halves of live pairs', () => {
  const sweep = () => countsOf({ realm_name: 'staff' })

  test.each<[string, string, (pair: IssuedPair) => unknown]>([
    ['a new pair', '2/0', () => undefined],
    ['access expired, refresh alive', '2/0', () => service.clock.advance(1201)],
    ['access invalidated before', '1/1', ({ accessToken }) => end('access-token', accessToken)],
    ['refresh invalidated before', '1/1', (pair) => end('refresh-token', refreshTokenOf(pair))],
    ['a refreshed pair and its successor', '4/0', (pair) => refresh(pair)],
    ['both expired', '0/0', () => service.clock.advance(86_401)],
    [
      'both invalidated before',
      '0/0',
      async (pair) => {
        await end('access-token', pair.accessToken)
        await end('refresh-token', refreshTokenOf(pair))
      },
    ],
    [
      'access expired and refresh invalidated',
      '0/0',
      async (pair) => {
        await end('refresh-token', refreshTokenOf(pair))
        service.clock.advance(1201)
      },
    ],
  ])('%s: %s, and then 0/0', async (_name, expected, happens) => {
    await happens(await issue())

    expect([await sweep(), await sweep()]).toEqual([expected, '0/0'])
  })

  test('an access token alone: 1/0', async () => {
    await service.tokens.issue({ owner: alice, withoutRefreshToken: true }, admin)

    expect([await sweep(), await sweep()]).toEqual(['1/0', '0/0'])
  })

  test('an expired token by itself is still counted as ended', async () => {
    const { accessToken } = await issue()
    service.clock.advance(1201)

    expect(await countsOf({ token: accessToken })).toBe('1/0')
  })
})

const provideToken = 'token string must be provided when not specifying a realm name or a username'
const noToken = 'token string must not be provided when realm name or username is specified'
const noType = 'token type must not be provided when realm name or username is specified'

describe('an invalid request', () => {
  test.each<[string, object, readonly string[]]>([
    ['names nothing', {}, [provideToken]],
    ['names nothing but empty texts', { token: '', refresh_token: '', realm_name: '', username: '' }, [provideToken]],
    ['names a realm of white space', { realm_name: '  ' }, [provideToken]],
    ['names a token and a realm', { token: 'x', realm_name: 'staff' }, [noToken, noType]],
    ['names a refresh token and a username', { refresh_token: 'x', username: 'alice' }, [noToken, noType]],
    ['names a blank token and a realm', { token: ' ', realm_name: 'staff' }, [noType]],
  ])('is refused with all its faults numbered when it %s', async (_name, body, faults) => {
    const { status, body: answer } = await invalidate(body)

    const reason = `Validation Failed: ${faults.map((fault, index) => `${index + 1}: ${fault};`).join('')}`
    const cause = { type: 'action_request_validation_exception', reason }
    expect([status, answer]).toEqual([400, { error: { root_cause: [cause], ...cause }, status: 400 }])
  })

  test('is refused when it names two tokens, even beside a realm', async () => {
    const { body } = await invalidate({ token: 'x', refresh_token: 'y', realm_name: 'staff' })

    expect(body).toMatchObject({
      error: {
        type: 'x_content_parse_exception',
        reason: 'Failed to build [invalidate_token] after last required field arrived',
        caused_by: {
          type: 'illegal_argument_exception',
          reason: 'only one of [token, refresh_token] may be sent per request',
        },
      },
      status: 400,
    })
  })

  test.each<[string, TestRequest, number, string, string]>([
    ['no body', {}, 400, 'parse_exception', 'request body is required'],
    [
      'no body and no type',
      { headers: { 'content-type': undefined } },
      400,
      'parse_exception',
      'request body is required',
    ],
    ['an empty body', { body: '' }, 400, 'parse_exception', 'request body is required'],
    [
      'a field twice',
      { body: '{"realm_name":"staff","realm_name":"guests"}' },
      400,
      'x_content_parse_exception',
      '[invalidate_token] Duplicate field',
    ],
    ['text that is not JSON', { body: '{"token":' }, 400, 'x_content_parse_exception', 'Expected the body to be JSON'],
    [
      'a list',
      { body: [] },
      400,
      'x_content_parse_exception',
      '[invalidate_token] Expected START_OBJECT but was: START_ARRAY',
    ],
    [
      'null',
      { body: 'null' },
      400,
      'x_content_parse_exception',
      '[invalidate_token] Expected START_OBJECT but was: VALUE_NULL',
    ],
    [
      'an unknown field',
      { body: { realm: 'staff' } },
      400,
      'x_content_parse_exception',
      '[invalidate_token] unknown field [realm]',
    ],
    [
      'a secret as the name of a field',
      { body: { 'a-secret-of-32-characters-or-more': 'x' } },
      400,
      'x_content_parse_exception',
      '[invalidate_token] unknown field […]',
    ],
    [
      'a field that every object has',
      { body: '{"__proto__":{}}' },
      400,
      'x_content_parse_exception',
      '[invalidate_token] unknown field [__proto__]',
    ],
    [
      'a token that is null',
      { body: { token: null } },
      400,
      'x_content_parse_exception',
      "[invalidate_token] token doesn't support values of type: VALUE_NULL",
    ],
    [
      'a number',
      { body: { username: 7 } },
      400,
      'x_content_parse_exception',
      "[invalidate_token] username doesn't support values of type: VALUE_NUMBER",
    ],
    [
      'a list of tokens',
      { body: { token: ['x'] } },
      400,
      'x_content_parse_exception',
      "[invalidate_token] token doesn't support values of type: START_ARRAY",
    ],
    [
      'an unknown parameter',
      { body: {}, path: `${tokenPath}?foo=x` },
      400,
      'illegal_argument_exception',
      'request [/_security/oauth2/token] contains unrecognized parameter: [foo]',
    ],
    [
      'two unknown parameters',
      { body: {}, path: `${tokenPath}?foo=x&bar=y&foo=z` },
      400,
      'illegal_argument_exception',
      'request [/_security/oauth2/token] contains unrecognized parameters: [foo], [bar]',
    ],
    [
      'a form',
      { body: 'token=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      406,
      'media_type_header_exception',
      'Content-Type header is not supported: expected [application/json] or [application/vnd.elasticsearch+json]',
    ],
    [
      'bytes without a type',
      { body: Buffer.from('{}'), headers: { 'content-type': undefined } },
      406,
      'media_type_header_exception',
      'Content-Type header is missing: expected [application/json] or [application/vnd.elasticsearch+json]',
    ],
    [
      'bytes that are not gzip',
      { body: '{}', headers: { 'content-encoding': 'gzip' } },
      400,
      'x_content_parse_exception',
      'Expected the body to be gzip, as `Content-Encoding` says',
    ],
    [
      'too many bytes',
      { body: gzipSync(' '.repeat(1e6)), headers: { 'content-encoding': 'gzip' } },
      413,
      'illegal_argument_exception',
      'Expected a body of at most 65536 bytes',
    ],
    [
      'a username that begins with a space',
      { body: { username: ' alice' } },
      400,
      'illegal_argument_exception',
      'Expected `username` without white space at its ends.',
    ],
    [
      'a realm with a line break',
      { body: { realm_name: 'a\nb' } },
      400,
      'illegal_argument_exception',
      'Expected `realm_name` without control characters.',
    ],
  ])('is answered with its fault: %s', async (_name, request, status, type, reason) => {
    const answer = await ask(request)

    expect([answer.status, answer.body]).toEqual([
      status,
      { error: { root_cause: [{ type, reason }], type, reason }, status },
    ])
  })

  test('is answered without its secrets, even if they are in the place of names', async () => {
    const { accessToken } = await issue()

    const answers = [
      await invalidate({ [accessToken]: 'x' }),
      await invalidate({}, { path: `${tokenPath}?${accessToken}` }),
      await invalidate({ token: [accessToken] }),
      await invalidate({ username: `${accessToken}\n` }),
    ]

    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400])
    expect(answers.map(({ text }) => text).join()).not.toContain(accessToken.slice(4))
  })
})

test.each<[string, object, number]>([
  ['garbage is an unknown token', { token: 'garbage' }, 404],
  ['white space is an unknown token', { token: ' ' }, 404],
  ['a line break is an unknown token', { refresh_token: '\n' }, 404],
  ['a text of 5,000 characters is an unknown token', { token: 'x'.repeat(5000) }, 404],
  ['an unknown realm has no tokens', { realm_name: 'nowhere' }, 200],
  ['a username in a blank realm has no tokens', { username: 'alice', realm_name: '  ' }, 200],
  ['a blank username in a realm has no tokens', { username: '  ', realm_name: 'staff' }, 200],
])('%s, and nothing ends', async (_name, body, status) => {
  const { accessToken } = await issue()

  expect(await invalidate(body)).toMatchObject({
    status,
    body: { invalidated_tokens: 0, previously_invalidated_tokens: 0, error_count: 0 },
  })
  expect(await isActive(accessToken)).toBe(true)
})

test('a token with other characters around it or in it is a 404, for which the clients throw, and it stays valid', async () => {
  const pair = await issue()
  const zeros = { invalidated_tokens: 0, previously_invalidated_tokens: 0, error_count: 0 }

  for (const [name, damage] of damages)
    for (const body of [{ token: damage(pair.accessToken) }, { refresh_token: damage(refreshTokenOf(pair)) }])
      expect(await invalidate(body), name).toMatchObject({ status: 404, body: zeros })
  expect([await isActive(pair.accessToken), await isActive(refreshTokenOf(pair))]).toEqual([true, true])
})

test('a token in the field of the other kind is unknown', async () => {
  const pair = await issue()

  expect((await invalidate({ refresh_token: pair.accessToken })).status).toBe(404)
  expect((await invalidate({ token: refreshTokenOf(pair) })).status).toBe(404)
  expect([await isActive(pair.accessToken), await isActive(refreshTokenOf(pair))]).toEqual([true, true])
})

describe('permission to invalidate', () => {
  const challenges = ['Basic realm="security" charset="UTF-8"', 'Bearer realm="security"', 'ApiKey']

  test('a request without credentials is refused, whatever it asks for', async () => {
    const { status, body, headers } = await ask({ body: '{', headers: { authorization: undefined } })

    expect([status, headers.get('www-authenticate')]).toEqual([401, challenges.join(', ')])
    expect(body.error).toEqual({
      root_cause: [expect.objectContaining({ type: 'security_exception' })],
      type: 'security_exception',
      reason: 'missing authentication credentials for REST request [/_security/oauth2/token]',
      header: { 'WWW-Authenticate': challenges },
    })
  })

  test.each([['Basic eDp5'], ['Basic !'], [`${asAdmin}"`], ['Bearer garbage'], ['Negotiate abc'], ['ApiKey eDp5']])(
    'wrong credentials have another reason than missing ones: %s',
    async (authorization) => {
      const { status, body } = await ask({ body: {}, headers: { authorization } })

      expect([status, body.error.reason]).toEqual([
        401,
        'unable to authenticate with provided credentials and anonymous access is not allowed for this request',
      ])
    },
  )

  test('an access token that was valid once is reported as expired, in header and body', async () => {
    const { accessToken } = await issue()
    await end('access-token', accessToken)

    const { status, headers, body } = await ask({ body: {}, headers: { authorization: `Bearer ${accessToken}` } })

    const challenge = 'Bearer realm="security", error="invalid_token", error_description="The access token expired"'
    const cause = { type: 'security_exception', reason: 'token expired', header: { 'WWW-Authenticate': challenge } }
    expect([status, headers.get('www-authenticate')]).toEqual([401, challenge])
    expect(body).toEqual({ error: { root_cause: [cause], ...cause }, status: 401 })
  })

  test('a refresh token is not a credential', async () => {
    const { body } = await ask({ headers: { authorization: `Bearer ${refreshTokenOf(await issue())}` } })

    expect(body.error.reason).toMatch(/^unable to authenticate/)
  })

  test('a client without manage_token is refused, but only once its request is valid', async () => {
    const authorization = await clientWith('gateway', ['introspect_token', 'create_token'])
    const asGateway = (body: unknown) => ask({ body, headers: { authorization } })

    expect((await asGateway({})).status).toBe(400)
    expect((await asGateway({ realm_name: 'staff' })).body).toMatchObject({
      error: {
        type: 'security_exception',
        reason:
          'action [cluster:admin/xpack/security/token/invalidate] is unauthorized for user [gateway] with effective roles [introspect_token,create_token], this action is granted by the cluster privileges [manage_token]',
      },
      status: 403,
    })
  })

  test('an owner whose token has manage_token may sweep a realm', async () => {
    const { accessToken } = await service.tokens.issue({ owner: alice, scopes: ['manage_token'] }, admin)

    const { body } = await ask({ body: { realm_name: 'staff' }, headers: { authorization: `Bearer ${accessToken}` } })

    expect(body.invalidated_tokens).toBe(2)
  })
})

describe('getting a token', () => {
  const rfc = (error: string, description: string) => ({
    status: 400,
    body: { error, error_description: description },
  })
  const only = 'Validation Failed: 1: grant_type only supports the values: [refresh_token, client_credentials];'

  test.each<[object, string, string]>([
    [{}, 'unsupported_grant_type', only],
    [{ grant_type: 'toString' }, 'unsupported_grant_type', only],
    [{ grant_type: '_kerberos', kerberos_ticket: 'x' }, 'unsupported_grant_type', only],
    [{ grant_type: 'password', username: 'alice', password: 'x' }, 'unsupported_grant_type', only],
    [{ grant_type: 'refresh_token' }, 'invalid_request', 'Validation Failed: 1: refresh_token is missing;'],
    [
      { grant_type: 'refresh_token', refresh_token: 'x', username: 'alice' },
      'unsupported_grant_type',
      'Validation Failed: 1: username is not supported with the refresh_token grant_type;',
    ],
    [
      { grant_type: 'client_credentials', username: 'a', password: 'b' },
      'unsupported_grant_type',
      'Validation Failed: 1: username is not supported with the client_credentials grant_type;2: password is not supported with the client_credentials grant_type;',
    ],
  ])('%j is refused as %s', async (body, error, description) => {
    expect(await grant(body)).toMatchObject(rfc(error, description))
  })

  test('an unknown field is refused with an error in Elasticsearch’s form', async () => {
    const { status, body } = await grant({ grant_type: 'client_credentials', user: 'x' })

    expect([status, body.error.reason]).toEqual([400, '[token_request] unknown field [user]'])
  })

  test('client_credentials issues a token to the calling client with its scopes, and no refresh token', async () => {
    const { status, body } = await grant({ grant_type: 'client_credentials' })

    expect([status, Object.keys(body)]).toEqual([200, ['access_token', 'type', 'expires_in', 'authentication']])
    expect(body).toMatchObject({ type: 'Bearer', expires_in: 1200, authentication: { username: 'admin' } })
    expect(await service.tokens.introspect(body.access_token, admin)).toMatchObject({
      session: { owner: { realm: '_clients', username: 'admin' } },
      scopes: admin.scopes,
    })
  })

  test('client_credentials is refused to a bearer token, which could otherwise renew itself for ever', async () => {
    const { body } = await grant({ grant_type: 'client_credentials' })

    const again = await grant(
      { grant_type: 'client_credentials' },
      { headers: { authorization: `Bearer ${body.access_token}` } },
    )

    expect(again).toMatchObject(
      rfc('unauthorized_client', 'the client_credentials grant is for clients: authenticate by Basic or ApiKey'),
    )
  })

  test('a requested scope is answered as full', async () => {
    const { body } = await grant({ grant_type: 'client_credentials', scope: 'whatever' })

    expect(body.scope).toBe('full')
  })

  test('every grant needs manage_token, and one for a new token also create_token', async () => {
    const creator = await clientWith('creator', ['create_token'])
    const manager = await clientWith('manager', ['manage_token'])
    const statusFor = async (authorization: string, body: object) =>
      (await grant(body, { headers: { authorization } })).status

    expect(await statusFor(creator, { grant_type: 'client_credentials' })).toBe(403)
    expect(await statusFor(creator, { grant_type: 'refresh_token', refresh_token: 'x' })).toBe(403)
    expect(await statusFor(manager, { grant_type: 'client_credentials' })).toBe(403)
    expect(await statusFor(manager, { grant_type: 'refresh_token', refresh_token: 'x' })).toBe(400)
  })

  test('refresh_token issues a pair to the same owner, and the same pair again within the grace window', async () => {
    const pair = await issue()
    const body = { grant_type: 'refresh_token', refresh_token: refreshTokenOf(pair) }

    const [first, second] = [await grant(body), await grant(body, { path: legacyPath })]

    expect(first.body).toMatchObject({ type: 'Bearer', authentication: { username: 'alice' } })
    expect(second.body).toEqual(first.body)
  })

  test.each<[string, string, (pair: IssuedPair) => unknown]>([
    ['token document has expired', 'expired', () => service.clock.advance(86_401)],
    ['token has been invalidated', 'invalidated', (pair) => end('refresh-token', refreshTokenOf(pair))],
    [
      'token has already been refreshed more than 30 seconds in the past',
      'spent',
      async (pair) => {
        await refresh(pair)
        service.clock.advance(31)
      },
    ],
  ])('refresh_token is refused with “%s” when the token is %s', async (description, _state, happens) => {
    const pair = await issue()
    await happens(pair)

    expect(await grant({ grant_type: 'refresh_token', refresh_token: refreshTokenOf(pair) })).toMatchObject(
      rfc('invalid_grant', description),
    )
  })

  test('refresh_token is refused for garbage, and for an access token', async () => {
    const { accessToken } = await issue()

    for (const token of ['garbage', '\n', 'x'.repeat(5000), accessToken])
      expect(await grant({ grant_type: 'refresh_token', refresh_token: token })).toMatchObject(
        rfc('invalid_grant', 'could not refresh the requested token'),
      )
  })

  test('refresh_token is refused to a client that did not create the token, which stays unspent', async () => {
    const pair = await issue()
    const authorization = await clientWith('other', ['manage_token'])
    const body = { grant_type: 'refresh_token', refresh_token: refreshTokenOf(pair) }

    expect(await grant(body, { headers: { authorization } })).toMatchObject(
      rfc('invalid_grant', 'tokens must be refreshed by the creating client'),
    )
    expect((await grant(body)).status).toBe(200)
  })

  test('password is decided by the embedding application, whose errors the caller does not see', async () => {
    const { tokens, database, reports } = service
    const handler = createHandler({
      tokens,
      assertReady: database.ping,
      emit: (event) => reports.push(event),
      authenticatePassword: async (username) => {
        if (username === 'carol') throw new Error('the directory is down: open sesame')
        return username === 'alice' ? alice : undefined
      },
    })
    const login = (username: string, password = 'open sesame') =>
      ask({ method: 'POST', body: { grant_type: 'password', username, password } }, handler)

    expect((await login('alice')).body).toMatchObject({ authentication: { username: 'alice', roles: [] } })
    expect(await login('bob')).toMatchObject({ status: 401, body: { error: { type: 'security_exception' } } })
    expect(await login('', '')).toMatchObject(
      rfc('invalid_request', 'Validation Failed: 1: username is missing;2: password is missing;'),
    )
    expect(await login('carol')).toMatchObject({
      status: 500,
      body: { error: { type: 'exception', reason: 'Unexpected error.' } },
    })
    expect(reports).toHaveLength(1)
  })
})

describe('authenticate', () => {
  const whoAmI = (authorization: string, path = '/_security/_authenticate') =>
    ask({ method: 'GET', path, headers: { authorization, 'content-type': undefined } })

  test('names a client, with Basic and with ApiKey', async () => {
    const asKey = `ApiKey ${asAdmin.slice('Basic '.length)}`
    const realm = { name: '_clients', type: 'client' }

    expect((await whoAmI(asAdmin)).body).toEqual({
      username: 'admin',
      roles: admin.scopes,
      full_name: null,
      email: null,
      metadata: {},
      enabled: true,
      authentication_realm: realm,
      lookup_realm: realm,
      authentication_type: 'realm',
    })
    expect((await whoAmI(asKey, '/_xpack/security/_authenticate')).body.authentication_type).toBe('api_key')
  })

  test('names the owner of an access token, while the token is valid', async () => {
    const { accessToken } = await issue()

    expect((await whoAmI(`Bearer ${accessToken}`)).body).toMatchObject({
      username: 'alice',
      authentication_realm: { name: 'staff', type: 'owner' },
      authentication_type: 'token',
    })
    await end('access-token', accessToken)
    expect((await whoAmI(`Bearer ${accessToken}`)).body.error.reason).toBe('token expired')
  })
})

describe('the service’s description', () => {
  const open = (headers: TestRequest['headers']) =>
    ask({ method: 'GET', path: '/', headers: { authorization: undefined, 'content-type': undefined, ...headers } })

  test('is open to every caller, and checks credentials that are sent', async () => {
    expect((await open({})).body).toMatchObject({ version: { number: expect.stringMatching(/^8\./) } })
    expect((await open({ authorization: asAdmin })).status).toBe(200)
    expect((await open({ authorization: 'Basic eDp5' })).status).toBe(401)
  })

  test('is replaced by a redirect to GraphiQL for a browser', async () => {
    const answer = await service.handler(
      new Request('http://localhost/', { headers: { accept: 'text/html,*/*;q=0.8' } }),
    )

    expect([answer.status, answer.headers.get('location')]).toEqual([302, '/graphql'])
  })
})

test('without the database the answer is 503 with a time to wait, never 401, and the error is reported', async () => {
  const failing = async () => {
    throw new TokenServiceError('ERR_STORAGE_UNAVAILABLE', 'The database is not available; try again in a moment.')
  }
  const reports: unknown[] = []
  const handler = createHandler({
    tokens: { ...noTokens, authenticate: failing },
    assertReady: failing,
    emit: (event) => reports.push(event),
  })

  const { status, headers, body } = await ask({ body: { token: 'x' } }, handler)

  expect([status, headers.get('retry-after'), reports.length]).toEqual([503, '1', 1])
  expect(body.error).toMatchObject({ type: 'security_exception', reason: 'unable to perform requested action' })
})

test('an unsupported method is answered with the supported ones', async () => {
  const { status, headers } = await ask({ method: 'PUT', body: {} })

  expect([status, headers.get('allow')]).toEqual([405, 'POST, DELETE'])
})
