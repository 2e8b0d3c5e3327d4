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
  /** What 6.x reads beside the counts. */
  const answered = (invalidated: number, previously: number) => ({
    ...(version === 6 && { created: invalidated > 0 }),
    ...counts(invalidated, previously),
  })
  const ok = (invalidated: number, previously: number) => ({ statusCode: 200, body: answered(invalidated, previously) })
  const refusal = (statusCode: number, body: unknown) => ({ statusCode, body })
  const failureOf = async (asked: Promise<ClientAnswer>) => {
    const error = await asked.then(
      () => expect.unreachable('the client was answered'),
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(ResponseError)
    const { meta, message } = error as { meta: { statusCode: number; body: unknown }; message: string }
    return { statusCode: meta.statusCode, body: meta.body, message }
  }

  describe.each([{ compression: false }, { compression: true }])('with $compression compression', ({ compression }) => {
    test('token: the access token alone, counted as new and then as previous', async () => {
      const client = open({ compression })
      const pair = await issue()

      expect(await client.invalidateToken({ token: pair.accessToken })).toMatchObject(ok(1, 0))
      expect(await client.invalidateToken({ token: pair.accessToken })).toMatchObject(ok(0, 1))
      expect([await isActive(pair.accessToken), await isActive(refreshTokenOf(pair))]).toEqual([false, true])
    })

    test('refresh_token: the refresh token alone, spent or not', async () => {
      const client = open({ compression })
      const pair = await issue()
      const spent = await issue(bob)
      await service.tokens.refresh(refreshTokenOf(spent))

      expect(await client.invalidateToken({ refresh_token: refreshTokenOf(pair) })).toMatchObject(ok(1, 0))
      expect(await client.invalidateToken({ refresh_token: refreshTokenOf(pair) })).toMatchObject(ok(0, 1))
      expect(await client.invalidateToken({ refresh_token: refreshTokenOf(spent) })).toMatchObject(ok(1, 0))
      expect(await isActive(pair.accessToken)).toBe(true)
    })

    test('realm_name: both halves of all in it, and again nothing', async () => {
      const client = open({ compression })
      const [half] = [await issue(), await issue(bob), await issue(guest)]
      await service.tokens.invalidate({ kind: 'access-token', token: half.accessToken }, admin)

      expect(await client.invalidateToken({ realm_name: 'staff' })).toMatchObject(ok(3, 1))
      expect(await client.invalidateToken({ realm_name: 'staff' })).toMatchObject(ok(0, 0))
    })

    test('username: in all realms, and both: in one', async () => {
      const client = open({ compression })
      await Promise.all([issue(), issue(bob), issue(guest)])

      expect(await client.invalidateToken({ username: 'alice', realm_name: 'guests' })).toMatchObject(ok(2, 0))
      expect(await client.invalidateToken({ username: 'alice' })).toMatchObject(ok(2, 0))
      expect(await client.invalidateToken({ username: 'alice' })).toMatchObject(ok(0, 0))
    })

    test('an unknown token is thrown as 404 with the counts, an unknown realm is not', async () => {
      const client = open({ compression })

      expect(await failureOf(client.invalidateToken({ token: 'garbage' }))).toMatchObject(refusal(404, answered(0, 0)))
      expect(await failureOf(client.invalidateToken({ refresh_token: (await issue()).accessToken }))).toMatchObject(
        refusal(404, answered(0, 0)),
      )
      expect(await client.invalidateToken({ realm_name: 'nowhere' })).toMatchObject(ok(0, 0))
    })

    test('what contradicts itself is thrown as 400 in Elasticsearch’s own words', async () => {
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

    test('an unknown parameter is thrown as 400, wherever the client puts it', async () => {
      const failure = await failureOf(open({ compression }).invalidateToken({ realm_name: 'staff', realm: 'guests' }))

      expect(failure.statusCode).toBe(400)
      expect(failure.message).toMatch(version === 6 ? /x_content_parse/ : /\[realm\]/)
    })
  })

  test('whoever expects that a token may be gone ignores 404 and reads the counts', async () => {
    expect(await open().invalidateToken({ token: 'garbage' }, { ignore: [404] })).toMatchObject({
      statusCode: 404,
      body: answered(0, 0),
    })
  })

  test('a call without a selector comes without a body: it is thrown as 400, or does not leave the client', async () => {
    const ask = () => open().invalidateToken(undefined)

    if (version <= 7) await expect(ask()).rejects.toBeInstanceOf(ConfigurationError)
    else
      expect(await failureOf(ask())).toMatchObject(
        refusal(400, { error: { type: 'parse_exception', reason: 'request body is required' } }),
      )
  })

  test('the message of an error is one that people can act on', async () => {
    const { message } = await failureOf(open().invalidateToken({ username: '', realm_name: ' ' }))

    expect(message).toContain(
      version === 6
        ? 'action_request_validation_exception'
        : 'token string must be provided when not specifying a realm name or a username',
    )
  })

  test('credentials that are missing or wrong are thrown as 401, an access token’s end as “token expired”', async () => {
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

  test('without manage_token it is thrown as 403, also for one’s own tokens', async () => {
    const { accessToken } = await issue()
    const secretDigest = digestClientSecret('x'.repeat(32))
    const scopes = ['introspect_token', 'create_token']
    await createClientStore(service.database).putClient({ id: 'reader', secretDigest, scopes })

    for (const auth of [{ bearer: accessToken }, { username: 'reader', password: 'x'.repeat(32) }])
      expect(await failureOf(open({ auth }).invalidateToken({ token: accessToken }))).toMatchObject({ statusCode: 403 })
    expect(await isActive(accessToken)).toBe(true)
  })

  test('an answer that is lost on the way is asked for again by the client, and says that it is done', async () => {
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

  test('getToken: a password buys a pair, its refresh token the next, and authenticate says whose it is', async () => {
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

  test('getToken: a wrong password is 401, a dead refresh token 400 with the text that Kibana looks for', async () => {
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

  test('getToken: client_credentials is a token for the caller, without a refresh token, and can end it', async () => {
    const granted = (await open({ auth: asAdminByKey }).getToken({ grant_type: 'client_credentials' }))
      .body as GrantBody
    const own = open({ auth: { bearer: granted.access_token } })

    expect(granted.refresh_token).toBeUndefined()
    expect((await own.authenticate()).body).toMatchObject({ username: 'admin', authentication_type: 'token' })
    expect(await own.invalidateToken({ token: granted.access_token })).toMatchObject(ok(1, 0))
    expect(await failureOf(own.authenticate())).toMatchObject({ statusCode: 401 })
  })
})

test('what client 6 packs into a DELETE has no length: it is refused, and nothing ends; its packed POST is read', async () => {
  const { accessToken } = await issue()
  const authorization = `Basic ${Buffer.from(`admin:${adminSecret}`).toString('base64')}`
  const packing = new Client6({ node: server.origin, compression: 'gzip', headers: { authorization }, maxRetries: 0 })

  const ending = packing.xpack.security.invalidateToken({ body: { token: accessToken } })
  const granting = packing.xpack.security.getToken({ body: { grant_type: 'client_credentials' } })

  await expect(ending).rejects.toMatchObject({ statusCode: 400 })
  expect(await granting).toMatchObject({ statusCode: 200, body: { type: 'Bearer' } })
  expect(await isActive(accessToken)).toBe(true)
  packing.close()
})

interface GrantBody {
  readonly access_token: string
  readonly refresh_token: string
}
