import { Client as Client6 } from 'elasticsearch-6'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ServiceEvent } from '../../src/events/events.ts'
import { createRoutes } from '../../src/http/routes.ts'
import { type RunningServer, startServer } from '../../src/server/server.ts'
import { createClientStore } from '../../src/storage/client-store.ts'
import { revocations } from '../../src/storage/schema.ts'
import { digestClientSecret } from '../../src/tokens/clients.ts'
import type { Owner } from '../../src/tokens/owner.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import { basic } from '../support/basic.ts'
import {
  type ClientAnswer,
  type ClientAuth,
  type ClientOptions,
  type ElasticsearchClient,
  elasticsearchVersions,
} from '../support/elasticsearch.ts'
import { startProxy } from '../support/proxy.ts'
import { admin, adminSecret, openTestService, type TestService } from '../support/service.ts'

let service: TestService
let server: RunningServer
beforeAll(async () => {
  service = await openTestService()
  const { tokens, database, reports } = service
  const emit = (event: ServiceEvent) => reports.push(event)
  const authenticatePassword = async (username: string, password: string) =>
    username === 'alice' && password === 'open sesame' ? { ...alice, scopes: ['read'] } : undefined
  const routes = createRoutes({ tokens, emit, authenticatePassword, assertReady: database.ping })
  server = await startServer({ routes, emit, port: 0, host: '127.0.0.1' })
})
beforeEach(() => service.clear())
afterAll(async () => {
  await server.stop()
  await service.close()
})

const alice = { realm: 'staff', username: 'alice' }
const bob = { realm: 'staff', username: 'bob' }
const guest = { realm: 'guests', username: 'alice' }
const issue = (owner: Owner = alice) => service.tokens.issue({ owner }, admin)
const refreshTokenOf = ({ refresh }: IssuedPair) => refresh?.token ?? 'none'
const isActive = async (token: string) => (await service.tokens.introspect(token, admin)).active
const counts = (invalidated: number, previously: number) => ({
  invalidated_tokens: invalidated,
  previously_invalidated_tokens: previously,
  error_count: 0,
})
const asAdmin: ClientAuth = { username: 'admin', password: adminSecret }
const asAdminByKey: ClientAuth = { apiKey: Buffer.from(`admin:${adminSecret}`).toString('base64') }

describe.each(elasticsearchVersions)('client $version', ({ version, connect, ResponseError, ConfigurationError }) => {
  const opened: ElasticsearchClient[] = []
  afterAll(() => Promise.all(opened.map((client) => client.close())))

  function open(options: Partial<ClientOptions> = {}): ElasticsearchClient {
    const client = connect({ node: server.origin, auth: asAdmin, ...options })
    opened.push(client)
    return client
  }
  /** The answer: the counts, and for 6.x also `created`. */
  const answerOf = (invalidated: number, previously: number) => ({
    ...(version === 6 && { created: invalidated > 0 }),
    ...counts(invalidated, previously),
  })
  const ok = (invalidated: number, previously: number) => ({ statusCode: 200, body: answerOf(invalidated, previously) })
  const refusal = (statusCode: number, body: unknown) => ({ statusCode, body })
  const failureOf = async (request: Promise<ClientAnswer>) => {
    const error = await request.then(
      () => expect.unreachable('the client was answered without an error'),
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(ResponseError)
    const { meta, message } = error as { meta: { statusCode: number; body: unknown }; message: string }
    return { statusCode: meta.statusCode, body: meta.body, message }
  }

  describe.each([{ compression: false }, { compression: true }])('with $compression compression', ({ compression }) => {
    test('token: ends the access token alone, counted as newly and then as previously invalidated', async () => {
      const client = open({ compression })
      const pair = await issue()

      expect(await client.invalidateToken({ token: pair.accessToken })).toMatchObject(ok(1, 0))
      expect(await client.invalidateToken({ token: pair.accessToken })).toMatchObject(ok(0, 1))
      expect([await isActive(pair.accessToken), await isActive(refreshTokenOf(pair))]).toEqual([false, true])
    })

    test('refresh_token: ends the refresh token alone, spent or not', async () => {
      const client = open({ compression })
      const pair = await issue()
      const spent = await issue(bob)
      await service.tokens.refresh(refreshTokenOf(spent))

      expect(await client.invalidateToken({ refresh_token: refreshTokenOf(pair) })).toMatchObject(ok(1, 0))
      expect(await client.invalidateToken({ refresh_token: refreshTokenOf(pair) })).toMatchObject(ok(0, 1))
      expect(await client.invalidateToken({ refresh_token: refreshTokenOf(spent) })).toMatchObject(ok(1, 0))
      expect(await isActive(pair.accessToken)).toBe(true)
    })

    test('realm_name: ends both halves of all pairs in the realm, and the second time none', async () => {
      const client = open({ compression })
      const [half] = [await issue(), await issue(bob), await issue(guest)]
      await service.tokens.invalidate({ kind: 'access-token', token: half.accessToken }, admin)

      expect(await client.invalidateToken({ realm_name: 'staff' })).toMatchObject(ok(3, 1))
      expect(await client.invalidateToken({ realm_name: 'staff' })).toMatchObject(ok(0, 0))
    })

    test('username: ends tokens in all realms, and with realm_name in that one', async () => {
      const client = open({ compression })
      await Promise.all([issue(), issue(bob), issue(guest)])

      expect(await client.invalidateToken({ username: 'alice', realm_name: 'guests' })).toMatchObject(ok(2, 0))
      expect(await client.invalidateToken({ username: 'alice' })).toMatchObject(ok(2, 0))
      expect(await client.invalidateToken({ username: 'alice' })).toMatchObject(ok(0, 0))
    })

    test('an unknown token is thrown as 404 with the counts; an unknown realm is no error', async () => {
      const client = open({ compression })

      expect(await failureOf(client.invalidateToken({ token: 'garbage' }))).toMatchObject(refusal(404, answerOf(0, 0)))
      expect(await failureOf(client.invalidateToken({ refresh_token: (await issue()).accessToken }))).toMatchObject(
        refusal(404, answerOf(0, 0)),
      )
      expect(await client.invalidateToken({ realm_name: 'nowhere' })).toMatchObject(ok(0, 0))
    })

    test('contradictory parameters are thrown as 400 with Elasticsearch’s own messages', async () => {
      const client = open({ compression })
      const invalid = (reason: string) => ({ error: { type: 'action_request_validation_exception', reason } })

      expect(await failureOf(client.invalidateToken({ token: 'x', username: 'alice' }))).toMatchObject(
        refusal(
          400,
          invalid(
            'Validation Failed: 1: token string must not be provided when realm name or username is specified;2: token type must not be provided when realm name or username is specified;',
          ),
        ),
      )
      expect(await failureOf(client.invalidateToken({ token: '' }))).toMatchObject(
        refusal(
          400,
          invalid(
            'Validation Failed: 1: token string must be provided when not specifying a realm name or a username;',
          ),
        ),
      )
      expect(await failureOf(client.invalidateToken({ token: 'x', refresh_token: 'y' }))).toMatchObject(
        refusal(400, {
          error: {
            type: 'x_content_parse_exception',
            caused_by: { reason: 'only one of [token, refresh_token] may be sent per request' },
          },
        }),
      )
    })

    test('an unknown parameter is thrown as 400, whether the client puts it in the body or in the query string', async () => {
      const failure = await failureOf(open({ compression }).invalidateToken({ realm_name: 'staff', realm: 'guests' }))

      expect(failure.statusCode).toBe(400)
      expect(failure.message).toMatch(version === 6 ? /x_content_parse/ : /\[realm\]/)
    })
  })

  test('a caller that expects unknown tokens can ignore 404 and read the counts', async () => {
    expect(await open().invalidateToken({ token: 'garbage' }, { ignore: [404] })).toMatchObject({
      statusCode: 404,
      body: answerOf(0, 0),
    })
  })

  test('a call without a selector has no body: it is thrown as 400, or the client does not send it', async () => {
    const ask = () => open().invalidateToken(undefined)

    if (version <= 7) await expect(ask()).rejects.toBeInstanceOf(ConfigurationError)
    else
      expect(await failureOf(ask())).toMatchObject(
        refusal(400, { error: { type: 'parse_exception', reason: 'request body is required' } }),
      )
  })

  test('the message of an error says what to correct', async () => {
    const { message } = await failureOf(open().invalidateToken({ username: '', realm_name: ' ' }))

    expect(message).toContain(
      version === 6
        ? 'action_request_validation_exception'
        : 'token string must be provided when not specifying a realm name or a username',
    )
  })

  test('missing or wrong credentials are thrown as 401, and an access token that has ended as “token expired”', async () => {
    const [expired, ended] = [await issue(), await issue()]
    await service.tokens.invalidate({ kind: 'access-token', token: ended.accessToken }, admin)
    service.clock.advance(1201)
    const ask = (auth: ClientAuth | undefined) => failureOf(open({ auth }).invalidateToken({ token: 'x' }))
    const reason = (text: string) => refusal(401, { error: { type: 'security_exception', reason: text } })

    expect(await ask(undefined)).toMatchObject(
      refusal(401, {
        error: { reason: expect.stringMatching(/^missing authentication credentials for REST request/) },
      }),
    )
    expect(await ask({ username: 'admin', password: 'wrong' })).toMatchObject(
      reason('unable to authenticate with provided credentials and anonymous access is not allowed for this request'),
    )
    for (const { accessToken } of [expired, ended])
      expect(await ask({ bearer: accessToken })).toMatchObject(reason('token expired'))
  })

  test('without manage_token an invalidation is thrown as 403, also of the caller’s own tokens', async () => {
    const { accessToken } = await issue()
    const secretDigest = digestClientSecret('x'.repeat(32))
    const scopes = ['introspect_token', 'create_token']
    await createClientStore(service.database).putClient({ id: 'reader', secretDigest, scopes })

    for (const auth of [{ bearer: accessToken }, { username: 'reader', password: 'x'.repeat(32) }])
      expect(await failureOf(open({ auth }).invalidateToken({ token: accessToken }))).toMatchObject({ statusCode: 403 })
    expect(await isActive(accessToken)).toBe(true)
  })

  test('when an answer is lost, the client repeats its request and is answered that the token was invalidated before', async () => {
    const proxy = await startProxy(server.origin)
    const client = open({ node: proxy.url.replace(/\/$/, '') })
    const { accessToken } = await issue()
    await client.authenticate()

    proxy.dropAnswer()

    expect(await client.invalidateToken({ token: accessToken })).toMatchObject(ok(0, 1))
    expect(await client.invalidateToken({ token: accessToken })).toMatchObject(ok(0, 1))
    expect(await service.database.db.$count(revocations)).toBe(1)
    proxy.close()
  })

  test('getToken: a password is exchanged for a pair, its refresh token for the next, and authenticate names the owner', async () => {
    const client = open()
    const login = { grant_type: 'password', username: 'alice', password: 'open sesame' }

    const first = (await client.getToken(login)).body as GrantBody
    const second = (await client.getToken({ grant_type: 'refresh_token', refresh_token: first.refresh_token }))
      .body as GrantBody

    expect(first).toMatchObject({ type: 'Bearer', expires_in: 1200, authentication: { username: 'alice' } })
    expect(second.access_token).not.toBe(first.access_token)
    expect((await open({ auth: { bearer: second.access_token } }).authenticate()).body).toMatchObject({
      username: 'alice',
      roles: ['read'],
      authentication_realm: { name: 'staff' },
      authentication_type: 'token',
    })
  })

  test('getToken: a wrong password is 401, an invalidated refresh token 400 with the text that Kibana looks for', async () => {
    const client = open()
    const pair = await issue()
    await client.invalidateToken({ refresh_token: refreshTokenOf(pair) })
    const refresh = { grant_type: 'refresh_token', refresh_token: refreshTokenOf(pair) }

    expect(
      await failureOf(client.getToken({ grant_type: 'password', username: 'alice', password: 'x' })),
    ).toMatchObject({ statusCode: 401 })
    expect(await failureOf(client.getToken(refresh))).toMatchObject(
      refusal(400, { error: 'invalid_grant', error_description: 'token has been invalidated' }),
    )
  })

  test('getToken: client_credentials gives the caller a token of its own, without a refresh token, that can end itself', async () => {
    const granted = (await open({ auth: asAdminByKey }).getToken({ grant_type: 'client_credentials' }))
      .body as GrantBody
    const own = open({ auth: { bearer: granted.access_token } })

    expect(granted.refresh_token).toBeUndefined()
    expect((await own.authenticate()).body).toMatchObject({ username: 'admin', authentication_type: 'token' })
    expect(await own.invalidateToken({ token: granted.access_token })).toMatchObject(ok(1, 0))
    expect(await failureOf(own.authenticate())).toMatchObject({ statusCode: 401 })
  })
})

test('client 6 compresses a DELETE without a length, which is refused without effect; its compressed POST is read', async () => {
  const { accessToken } = await issue()
  const authorization = basic('admin', adminSecret)
  const compressing = new Client6({
    node: server.origin,
    compression: 'gzip',
    headers: { authorization },
    maxRetries: 0,
  })

  const ending = compressing.xpack.security.invalidateToken({ body: { token: accessToken } })
  const granting = compressing.xpack.security.getToken({ body: { grant_type: 'client_credentials' } })

  await expect(ending).rejects.toMatchObject({ statusCode: 400 })
  expect(await granting).toMatchObject({ statusCode: 200, body: { type: 'Bearer' } })
  expect(await isActive(accessToken)).toBe(true)
  compressing.close()
})

interface GrantBody {
  readonly access_token: string
  readonly refresh_token: string
}
