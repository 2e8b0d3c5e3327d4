import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anonymous, type Caller } from '../../src/tokens/caller.ts'
import type { Owner } from '../../src/tokens/owner.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import { harmlessTexts, textsWithSecrets } from '../support/lookalikes.ts'
import { admin, asAdmin, ask, useTestService } from '../support/service.ts'
import { statementsOf } from '../support/statements.ts'

const service = useTestService()

const alice = { realm: 'staff', username: 'alice' }
const bob = { realm: 'staff', username: 'bob' }
const device = { label: 'Work laptop', userAgent: 'Firefox/140', ipAddress: '192.0.2.7' }

const issue = (owner: Owner = alice) => service.tokens.issue({ owner, device }, admin)
const bearer = ({ accessToken }: IssuedPair) => `Bearer ${accessToken}`
const callerOf = ({ accessToken }: IssuedPair): Promise<Caller> =>
  service.tokens.authenticate({ kind: 'bearer', token: accessToken })
async function refresh(pair: IssuedPair): Promise<IssuedPair> {
  const answer = await service.tokens.refresh(pair.refresh?.token ?? 'none')
  if (answer.outcome === 'refused') throw new Error(`refused: ${answer.reason}`)
  return answer.pair
}
const end = (pair: IssuedPair) => service.tokens.invalidate({ kind: 'session', id: pair.session.id }, admin)
async function listed(pair: IssuedPair, includeEnded = false): Promise<readonly number[]> {
  const sessions = await service.tokens.listSessions({ includeEnded, limit: 100 }, await callerOf(pair))
  return sessions.map(({ id }) => id)
}
const idsOf = (...pairs: readonly IssuedPair[]) => pairs.map(({ session }) => session.id)

describe('the list of devices', () => {
  test('shows the caller’s own sessions, the newest login first', async () => {
    const laptop = await issue()
    const phone = await issue()
    await issue(bob)

    expect(await listed(laptop)).toEqual(idsOf(phone, laptop))
  })

  test('shows the description of the device, and the times of the session, after every refresh', async () => {
    const laptop = await issue()
    const loginAt = service.clock.now()
    service.clock.advance(600)
    const refreshedAt = service.clock.now()
    const query = `{ mySessions { edges { cursor } nodes { id username realmName clientId isCurrent isLive createdAt
      lastRefreshedAt expiresAt device { label userAgent ipAddress } revocation { id } } } }`

    const { data } = await ask(service.handler, query, { authorization: bearer(await refresh(await refresh(laptop))) })

    expect(data).toEqual({
      mySessions: {
        edges: [{ cursor: expect.any(String) }],
        nodes: [
          {
            id: String(laptop.session.id),
            username: 'alice',
            realmName: 'staff',
            clientId: 'admin',
            isCurrent: true,
            isLive: true,
            createdAt: loginAt.toISOString(),
            lastRefreshedAt: refreshedAt.toISOString(),
            expiresAt: new Date(refreshedAt.getTime() + 86_400_000).toISOString(),
            device,
            revocation: null,
          },
        ],
      },
    })
  })

  test('shows null for what is unknown of a device', async () => {
    const pair = await service.tokens.issue({ owner: alice }, admin)
    const query = '{ mySessions { nodes { lastRefreshedAt device { label userAgent ipAddress } } } }'

    const { data } = await ask(service.handler, query, { authorization: bearer(pair) })

    expect(data).toEqual({
      mySessions: { nodes: [{ lastRefreshedAt: null, device: { label: null, userAgent: null, ipAddress: null } }] },
    })
  })

  test('leaves out ended sessions, unless the request includes them', async () => {
    const [kept, ended, swept] = [await issue(), await issue(), await issue(bob)]
    await end(ended)
    await service.tokens.invalidate({ kind: 'owner', scope: { kind: 'realm-user', ...bob } }, admin)
    const again = await issue(bob)

    expect(await listed(kept)).toEqual(idsOf(kept))
    expect(await listed(kept, true)).toEqual(idsOf(ended, kept))
    expect(await listed(again)).toEqual(idsOf(again))
    expect(await listed(again, true)).toEqual(idsOf(again, swept))
  })

  test('leaves out a session whose tokens were ended one by one, or have expired', async () => {
    const kept = await issue()
    const byHalves = await issue()
    await service.tokens.invalidate({ kind: 'access-token', token: byHalves.accessToken }, anonymous)
    expect(await listed(kept)).toContain(byHalves.session.id)
    await service.tokens.invalidate({ kind: 'refresh-token', token: byHalves.refresh?.token ?? '' }, anonymous)
    await service.tokens.issue({ owner: alice, withoutRefreshToken: true }, admin)
    service.clock.advance(1201)

    expect(await listed(await refresh(kept))).toEqual(idsOf(kept))
  })

  test('shows a session with a live successor, even if its first tokens have long expired', async () => {
    let pair = await issue()
    for (let hours = 0; hours < 40; hours += 20) {
      service.clock.advance(20 * 3600)
      pair = await refresh(pair)
    }

    expect(await listed(pair)).toEqual(idsOf(pair))
  })

  test('shows a session with an older access token that is still valid', async () => {
    const laptop = await issue()
    const { accessToken, refresh: successor } = await refresh(laptop)
    await service.tokens.invalidate({ kind: 'access-token', token: accessToken }, admin)
    await service.tokens.invalidate({ kind: 'refresh-token', token: successor?.token ?? 'none' }, admin)

    expect(await listed(laptop)).toEqual(idsOf(laptop))
    await service.tokens.invalidate({ kind: 'access-token', token: laptop.accessToken }, admin)
    expect(await listed(await issue())).not.toContain(laptop.session.id)
  })

  test('a session with many pairs is not read for each pair, or each time that a request names it', async () => {
    let pair = await issue()
    for (let times = 0; times < 100; times++) pair = await refresh(pair)
    const query = 'query ($keys: [_Any!]!) { _entities(representations: $keys) { ... on TokenSession { id isLive } } }'
    const keys = Array.from({ length: 1000 }, () => ({ __typename: 'TokenSession', id: pair.session.id }))

    const statements = await statementsOf(service.database, async () => {
      const { data } = await ask(service.handler, query, { authorization: bearer(pair), variables: { keys } })
      expect(data._entities).toHaveLength(1000)
      expect(data._entities.at(-1)).toEqual({ id: String(pair.session.id), isLive: true })
    })

    // One for the caller, and one for each batch of 256 of the 1000, which names the session once.
    expect(statements).toHaveLength(1 + 4)
    for (const { parameters } of statements.slice(1)) expect(parameters[0]).toEqual([pair.session.id])
  })

  test('shows the session that a sweep spared, and none that it ended', async () => {
    const [kept, ...others] = [await issue(), await issue(), await issue()]
    const scope = { kind: 'realm', realm: 'staff' } as const
    const administrator = await service.tokens.authenticate({
      kind: 'bearer',
      token: (await service.tokens.issue({ owner: bob, scopes: ['manage_token'] }, admin)).accessToken,
    })
    await service.tokens.invalidate({ kind: 'owner', scope }, administrator, { keepCurrentSession: true })
    const later = await issue()

    const live = await service.tokens.listSessions({ scope, limit: 10 }, admin)

    expect(live.map(({ owner, id }) => [owner.username, id])).toEqual([
      ['alice', later.session.id],
      ['bob', expect.any(Number)],
    ])
    expect([kept, ...others].some(({ session }) => live.some(({ id }) => id === session.id))).toBe(false)
  })
})

test('after an owner has ended all other sessions, the list has the current one and later ones', async () => {
  const [laptop] = [await issue(), await issue(), await issue()]
  const scope = { kind: 'realm-user', ...alice } as const
  await service.tokens.invalidate({ kind: 'owner', scope }, await callerOf(laptop), { keepCurrentSession: true })
  const later = await issue()

  expect(await listed(laptop)).toEqual(idsOf(later, laptop))
})

describe('pages', () => {
  const page = `query ($first: Int, $after: String) { mySessions(first: $first, after: $after) {
    nodes { id } pageInfo { hasNextPage hasPreviousPage endCursor } } }`

  interface Connection {
    readonly mySessions: {
      readonly nodes: readonly { readonly id: string }[]
      readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null }
    }
  }

  async function readAll(pair: IssuedPair, first: number, between: () => Promise<unknown>): Promise<string[]> {
    const ids: string[] = []
    for (let after: string | null = null; ; ) {
      const { data } = await ask(service.handler, page, { authorization: bearer(pair), variables: { first, after } })
      const { nodes, pageInfo }: Connection['mySessions'] = data.mySessions
      ids.push(...nodes.map(({ id }) => id))
      if (!pageInfo.hasNextPage) return ids
      after = pageInfo.endCursor
      await between()
    }
  }

  test('follow each other without gaps or repeats while sessions are added and ended', async () => {
    const pairs: IssuedPair[] = []
    for (let count = 0; count < 12; count++) pairs.push(await issue())
    const [first] = pairs
    const expected = idsOf(...pairs).reverse()

    const read = await readAll(first ?? (await issue()), 5, async () => {
      await issue()
      await end(await issue())
    })

    expect(read).toEqual(expected.map(String))
  })

  test('continue over many ended sessions', async () => {
    const pairs: IssuedPair[] = []
    for (let count = 0; count < 30; count++) pairs.push(await issue())
    await Promise.all(pairs.slice(2, 28).map(end))
    const live = [...pairs.slice(28), ...pairs.slice(0, 2)]

    const read = await readAll(pairs[0] ?? (await issue()), 3, async () => {})

    expect(new Set(read)).toEqual(new Set(idsOf(...live).map(String)))
    expect(read).toHaveLength(4)
  })

  test.each([
    ['of another list', 'revocation'],
    ['that is made up', 'AAAAAAAAAAAAAA'],
    ['that is a number', '17'],
    ['that is empty', ''],
  ])('refuse a cursor %s', async (_name, cursor) => {
    const pair = await issue()
    const foreign = '{ revocations { edges { cursor } } }'
    await end(await issue())
    const { data } = await ask(service.handler, foreign, { authorization: asAdmin })
    const after = cursor === 'revocation' ? data.revocations.edges[0].cursor : cursor

    const { errors } = await ask(service.handler, page, { authorization: bearer(pair), variables: { after } })

    expect(errors).toMatchObject([
      { message: 'Expected `after` to be a cursor that this list has given.', extensions: { code: 'BAD_USER_INPUT' } },
    ])
  })

  test.each([0, -1, 101, 2_000_000_000])('refuse a size of %i', async (first) => {
    const { errors } = await ask(service.handler, page, { authorization: bearer(await issue()), variables: { first } })

    expect(errors).toMatchObject([{ message: `Expected \`first\` to be 1 to 100, got ${first}.` }])
  })
})

describe('permission to list sessions', () => {
  const others = `query ($owner: TokenOwnerInput!) { tokenSessions(filter: { owner: $owner }) { nodes { username } } }`
  const scopes = [{ realmName: 'staff' }, { username: 'alice' }, { realmUser: { realmName: 'staff', username: 'bob' } }]

  test.each(scopes)('an administrator may list those of %j', async (owner) => {
    await issue()
    await issue(bob)

    const { data } = await ask(service.handler, others, { authorization: asAdmin, variables: { owner } })

    expect(data.tokenSessions.nodes).toHaveLength('realmName' in owner ? 2 : 1)
  })

  test.each(scopes)('an owner may not list those of %j', async (owner) => {
    const { errors } = await ask(service.handler, others, {
      authorization: bearer(await issue()),
      variables: { owner },
    })

    expect(errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }])
  })

  test('an owner may list their own, also by name', async () => {
    const owner = { realmUser: { realmName: 'staff', username: 'alice' } }

    const { data } = await ask(service.handler, others, { authorization: bearer(await issue()), variables: { owner } })

    expect(data).toEqual({ tokenSessions: { nodes: [{ username: 'alice' }] } })
  })

  test('a caller needs credentials, and a client has no sessions of its own', async () => {
    const anonymously = await ask(service.handler, '{ mySessions { nodes { id } } }')
    const asClient = await ask(service.handler, '{ mySessions { nodes { id } } }', { authorization: asAdmin })

    expect(anonymously.errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }])
    expect(asClient.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }])
  })

  test('an entity that the caller may not see is null, as an unknown one is', async () => {
    const [mine, other] = [await issue(), await issue(bob)]
    const query = `query ($representations: [_Any!]!) { _entities(representations: $representations) {
      ... on TokenSession { id username } } }`
    const ids = [mine.session.id, other.session.id, 999_999, 'x'].map(String)
    const representations = ids.map((id) => ({ __typename: 'TokenSession', id }))

    const { data } = await ask(service.handler, query, { authorization: bearer(mine), variables: { representations } })

    expect(data._entities).toEqual([{ id: String(mine.session.id), username: 'alice' }, null, null, null])
  })
})

describe('the description of a device', () => {
  const create = `mutation ($device: TokenDeviceInput) {
    createTokenPair(input: { realmName: "staff", username: "alice", device: $device }) {
      session { device { label userAgent ipAddress } } } }`
  const createWith = async (given: unknown) => {
    const answer = await ask(service.handler, create, { authorization: asAdmin, variables: { device: given } })
    return answer.errors?.[0]?.message ?? answer.data.createTokenPair.session.device
  }

  const latin1 = (text: string) => Buffer.from(text).toString('latin1')
  const token = `ita_AQUAAAAAAAkAAZqvXc3${'mK8_q-Z2'.repeat(5)}`.slice(0, 60)

  /** What devices and proxies send, and what is kept of it. */
  const kept: readonly (readonly [name: string, sent: string, kept: string | null])[] = [
    ['a plain text', 'Firefox/140 (X11; Linux)', 'Firefox/140 (X11; Linux)'],
    ['a prefix of ours within a word', 'Digits_services/2.1', 'Digits_services/2.1'],
    ['other scripts', 'Яндекс.Браузер/1.0 日本 😀', 'Яндекс.Браузер/1.0 日本 😀'],
    ['a tab', 'App\t1.0', 'App 1.0'],
    ['a line break', 'App\r\n1.0', 'App 1.0'],
    ['a NUL', 'App\u00001.0', 'App 1.0'],
    ['an escape sequence', '\u001b[31mApp', '[31mApp'],
    ['a DEL', 'App\u007f1.0', 'App 1.0'],
    ['a line separator', 'App\u20281.0', 'App 1.0'],
    ['a lone surrogate', 'App \ud83d!', 'App \ufffd!'],
    ['surrogates in the wrong order', '\udc00\ud800', '\ufffd\ufffd'],
    ['UTF-8 read as Latin-1', latin1('Käse/1'), 'KÃ¤se/1'],
    ['UTF-8 read as Latin-1, with C1 control characters', latin1('Яндекс'), 'Ð¯Ð½Ð´ÐµÐºÑ'],
    ['the same within a word', latin1('сб/1'), 'Ñ Ð±/1'],
    ['a token', token, '[token]'],
    ['a token in a text', `App ${token}; Linux`, 'App [token]; Linux'],
    ['a token that is torn by a line break', `App ${token.slice(0, 30)}\n${token.slice(30)}`, 'App [token]'],
    ['a token with a control character before it', `App\u0000${token}`, 'App [token]'],
    ['a client’s secret', `its_${token.slice(4, 47)}`, '[token]'],
    ['white space at the ends', '  App ', 'App'],
    ['white space alone', ' \t\u3000', null],
    ['control characters alone', '\u0000\u0085', null],
    ['nothing', '', null],
  ]

  test.each(kept)('a label or user agent never refuses a login: %s', async (_name, sent, text) => {
    expect(await createWith({ label: sent, userAgent: sent })).toEqual({
      label: text,
      userAgent: text,
      ipAddress: null,
    })
  })

  test.each(textsWithSecrets)('no label or user agent is stored with %s', async (_name, text, secret) => {
    const { label, userAgent } = await createWith({ label: text, userAgent: text })

    expect([label, userAgent]).toEqual([expect.stringContaining('[token]'), expect.stringContaining('[token]')])
    expect(`${label} ${userAgent}`).not.toContain(secret.slice(-8))
  })

  test.each(harmlessTexts)('a label and a user agent may be %j', async (text) => {
    expect(await createWith({ label: text, userAgent: text })).toMatchObject({ label: text, userAgent: text })
  })

  test('a text that is too long is cut between characters', async () => {
    const cut = (length: number) => `${'x'.repeat(length - 1)}😀${'y'.repeat(1000)}`
    const wordAtTheCut = (length: number) => `${'x'.repeat(length - 1)} y`

    expect(await createWith({ label: cut(100), userAgent: cut(512) })).toMatchObject({
      label: 'x'.repeat(99),
      userAgent: 'x'.repeat(511),
    })
    expect(await createWith({ label: wordAtTheCut(100), userAgent: wordAtTheCut(512) })).toMatchObject({
      label: 'x'.repeat(99),
      userAgent: 'x'.repeat(511),
    })
    expect(await createWith({ userAgent: 'x'.repeat(50_000) })).toMatchObject({ userAgent: 'x'.repeat(512) })
  })

  test('a token is masked before the text is cut', async () => {
    expect(await createWith({ label: `${'x'.repeat(79)} ${token}` })).toMatchObject({
      label: `${'x'.repeat(79)} [token]`,
    })
  })

  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '2001:db8::1'],
    ['2001:0DB8:0:0:0:0:0:1', '2001:0DB8:0:0:0:0:0:1'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    [' 192.0.2.1\t', '192.0.2.1'],
    ['192.0.2.1:8000', '192.0.2.1'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['[fe80::1%25eth0]:80', 'fe80::1'],
    [`fe80::1%${'x'.repeat(100)}`, 'fe80::1'],
    ['192.0.2.1, 10.0.0.1', '192.0.2.1'],
    ['192.0.2.1:8000,10.0.0.1', '192.0.2.1'],
    ['2001:db8::1, 10.0.0.1', '2001:db8::1'],
    ['unknown, 10.0.0.1', null],
    ['unknown', null],
    ['_gazonk', null],
    ['1.2.3', null],
    ['1.2.3.4.5', null],
    ['256.0.0.1', null],
    ['192.0.2.1:http', null],
    ['[192.0.2.1', null],
    ['localhost:80', null],
    ['', null],
    [',', null],
    ['\u0000', null],
    ['\ud800', null],
    [token, null],
    [`fe80::1%${token}`, 'fe80::1'],
    ['1'.repeat(10_000), null],
  ])('an address never refuses a login: of %.40j, %j is kept', async (ipAddress, address) => {
    expect(await createWith({ ipAddress })).toEqual({ label: null, userAgent: null, ipAddress: address })
  })

  test('no text at all refuses a login, and what is kept has no control character and is not too long', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.nat(0xffff).map((n) => String.fromCharCode(n)) }),
    )
    const devices = fc.record({ label: text, userAgent: text, ipAddress: text })

    await fc.assert(
      fc.asyncProperty(devices, async (given) => {
        const { label, userAgent, ipAddress } = await createWith(given)

        expect(`${label}${userAgent}${ipAddress}`).not.toMatch(/\p{Cc}/u)
        expect(label?.length ?? 0).toBeLessThanOrEqual(100)
        expect(userAgent?.length ?? 0).toBeLessThanOrEqual(512)
      }),
      { seed: 20261121, numRuns: 200 },
    )
  })

  test('a value of another type is refused', async () => {
    for (const given of [{ label: 1 }, { userAgent: ['x'] }, { ipAddress: {} }, 'x'])
      expect(await createWith(given)).toEqual(expect.stringMatching(/^(Variable|Expected|Field)/))
  })
})
