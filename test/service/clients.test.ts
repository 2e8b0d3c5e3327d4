import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { parse } from 'graphql'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createLogin, type Login, type LoginEnd, type Pair } from '../../examples/frontend/login.ts'
import { createPage, type Page } from '../../examples/frontend/page.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { type Details, type Frontend, first, frontends, logIn } from '../support/frontends.ts'
import { type RunningService, startProcess } from '../support/process.ts'

const secret = 'a-secret-for-tests-of-32-characters'

let postgres: RunningPostgres
let service: RunningService
/** Another service on the same database; its access tokens expire after a second. */
let shortLived: RunningService
let expired: Pair[]
/** The output of `npm run example:frontend`, which runs during the other tests. */
let exampleRun: Promise<{ readonly stdout: string }>
beforeAll(async () => {
  postgres = await startPostgres()
  const environment = { DATABASE_URL: await postgres.createDatabase('clients'), ADMIN_SECRET: secret }
  exampleRun = runExample(await postgres.createDatabase('example'))
  ;[service, shortLived] = await Promise.all([
    // Without a grace window a refresh token that is spent twice ends its session.
    startProcess({ ...environment, REFRESH_GRACE_SECONDS: '0' }),
    startProcess({ ...environment, ACCESS_TOKEN_SECONDS: '1' }),
  ])
  const issued = Array.from({ length: 6 * frontends.length }, (_, index) =>
    issue({ username: `late-${index}` }, shortLived),
  )
  expired = await Promise.all(issued)
  await new Promise((resolve) => setTimeout(resolve, 1050))
})
afterAll(async () => {
  await Promise.allSettled([exampleRun, service.end(), shortLived.end()])
  await postgres.stop()
})
afterEach(() => {
  vi.restoreAllMocks()
})

function runExample(database: string): typeof exampleRun {
  const [program = '', ...args] = packageJson.scripts['example:frontend'].split(' ')
  const env = { PATH: process.env['PATH'], DATABASE_URL: database }
  return promisify(execFile)(`node_modules/.bin/${program}`, args, { env })
}

const issue = (details: Details, at = service) => logIn(at.url, `admin:${secret}`, details)

let names = 0
const newName = () => `alice-${names++}`
const takeExpired = () => expired.pop() ?? expect.unreachable()

const isRefresh = (init: RequestInit | undefined) => String(init?.body).includes('RefreshPair')

/** Returns a function that counts the refresh requests sent since this call. */
function countRefreshes(): () => number {
  const sent = vi.spyOn(globalThis, 'fetch')
  return () => sent.mock.calls.filter(([, init]) => isRefresh(init)).length
}

interface Tab extends Frontend {
  readonly login: Login
  readonly page: Page
  /** The reason for each time that it was logged out. */
  readonly ends: readonly LoginEnd[]
}

const labels = async ({ page }: Tab) => (await page.devices(first)).nodes.map(({ device }) => device.label)

async function idOf(label: string, { page }: Tab): Promise<string> {
  const { nodes } = await page.devices(first)
  return nodes.find(({ device }) => device.label === label)?.id ?? expect.unreachable()
}

describe.each(frontends)('with %s', (_name, connect) => {
  function open(pair: Pair): Tab {
    const login = createLogin()
    login.begin(pair)
    const frontend = connect(service.url, login)
    const ends: LoginEnd[] = []
    login.onEnd((why) => ends.push(why))
    return { ...frontend, login, page: createPage(frontend.connection, login), ends }
  }

  async function openDevices(realmName = 'demo') {
    const username = newName()
    const on = async (label: string) => open(await issue({ realmName, username, device: { label } }))
    return { laptop: await on('laptop'), phone: await on('phone'), tablet: await on('tablet') }
  }
  type Devices = Awaited<ReturnType<typeof openDevices>>
  const all = ['laptop', 'phone', 'tablet'] as const

  /** The devices that still get an answer. Each of them must see the same list: exactly these devices. */
  async function working(devices: Devices): Promise<readonly string[]> {
    const lists = await Promise.all(all.map((name) => labels(devices[name]).catch(() => undefined)))
    const names = all.filter((_name, index) => lists[index] !== undefined)
    for (const list of lists) if (list !== undefined) expect(list).toEqual(names.toReversed())
    return names
  }

  test('a page shows the devices of its owner, page by page, the newest login first', async () => {
    const { laptop } = await openDevices()
    await issue({ username: newName() })

    const one = await laptop.page.devices(2)
    const two = await laptop.page.devices(2, one.pageInfo.endCursor)

    const shown = [...one.nodes, ...two.nodes].map(({ device, isCurrent }) => [device.label, isCurrent])
    expect(Object.fromEntries(shown)).toEqual({ tablet: false, phone: false, laptop: true })
    expect([one, two].map(({ nodes, pageInfo }) => [nodes.length, pageInfo.hasNextPage])).toEqual([
      [2, true],
      [1, false],
    ])
  })

  test.each<[string, (laptop: Tab) => Promise<unknown>, readonly string[]]>([
    ['this device', ({ page }) => page.logOut(), ['phone', 'tablet']],
    ['another device', async (tab) => tab.page.logOutDevice(await idOf('phone', tab)), ['laptop', 'tablet']],
    ['the other devices', ({ page }) => page.logOutOthers(), ['laptop']],
    ['everywhere', ({ page }) => page.logOutEverywhere(), []],
  ])('logging out %s ends those sessions and no others', async (_which, logOut, left) => {
    const [devices, others] = [await openDevices(), await openDevices()]

    const ended = await logOut(devices.laptop)

    const invalidatedTokens = 2 * (all.length - left.length)
    expect(ended).toMatchObject({ invalidatedTokens, previouslyInvalidatedTokens: 0, errorCount: 0 })
    expect(devices.laptop.ends).toEqual(left.includes('laptop') ? [] : ['LOGGED_OUT'])
    expect(await working(devices)).toEqual(left)
    expect(await working(others)).toEqual(all)
    for (const name of all.filter((one) => one !== 'laptop' && !left.includes(one)))
      expect(devices[name].ends).toEqual(['INVALIDATED'])
  })

  test('an administrator counts the tokens of a realm, ends them, and stays logged in', async () => {
    const realmName = newName()
    const devices = await openDevices(realmName)
    const admin = open(await issue({ realmName, username: 'root', scopes: ['manage_token'] }))

    const counted = await admin.page.countRealm(realmName)
    const before = await working(devices)
    const ended = await admin.page.endRealm(realmName, 'incident 17')

    expect(counted).toMatchObject({ invalidatedTokens: 6 })
    expect(before).toEqual(all)
    expect(ended).toEqual(counted)
    expect(await working(devices)).toEqual([])
    expect(await labels(admin)).toHaveLength(1)
  })

  test('after another device is logged out, the list on the screen no longer shows it', async () => {
    const { laptop } = await openDevices()
    const show = vi.fn()
    const unwatch = laptop.watch(show)
    await expect.poll(() => show.mock.lastCall).toEqual([['tablet', 'phone', 'laptop']])

    await laptop.page.logOutDevice(await idOf('phone', laptop))

    await expect.poll(() => show.mock.lastCall).toEqual([['tablet', 'laptop']])
    unwatch()
  })

  test('a logout empties the cache, and the next owner sees only their own sessions', async () => {
    const { laptop } = await openDevices()
    await labels(laptop)
    expect(laptop.cached()).toHaveLength(3)

    await laptop.page.logOut()

    expect(laptop.cached()).toBeUndefined()
    laptop.login.begin(await issue({ username: newName(), device: { label: 'next' } }))
    expect(await labels(laptop)).toEqual(['next'])
  })

  test('eight requests that fail with an expired token are answered after one refresh', async () => {
    const tab = open(takeExpired())
    const refreshes = countRefreshes()

    const pages = await Promise.all(Array.from({ length: 8 }, (_, index) => tab.page.devices(index + 1)))

    expect(pages.map(({ nodes }) => nodes.length)).toEqual(Array(8).fill(1))
    expect(refreshes()).toBe(1)
    expect(tab.ends).toEqual([])
  })

  test('a 401 that is not GraphQL, as a proxy answers it, leads to a refresh too', async () => {
    const tab = open(await issue({ username: newName() }))
    const refreshes = countRefreshes()
    vi.mocked(fetch).mockResolvedValueOnce(new Response('Unauthorized', { status: 401 }))

    const shown = await labels(tab)

    expect(shown).toHaveLength(1)
    expect(refreshes()).toBe(1)
  })

  test('a page logs out with an expired access token, without a refresh', async () => {
    const pair = takeExpired()
    const refreshes = countRefreshes()

    const ended = await open(pair).page.logOut()

    expect(ended).toMatchObject({ invalidatedTokens: 2 })
    expect(refreshes()).toBe(0)
    const copy = open(pair)
    await expect(labels(copy)).rejects.toThrow()
    expect(copy.ends).toEqual(['INVALIDATED'])
  })

  test('a logout during a refresh stays a logout', async () => {
    const tab = open(takeExpired())

    await Promise.allSettled([labels(tab), tab.page.logOut(), labels(tab)])

    // If the service ended the session before the refresh arrived, the refusal may reach the page first.
    expect(['LOGGED_OUT', 'INVALIDATED'].map((why) => [why])).toContainEqual(tab.ends)
    expect(tab.login.accessToken()).toBeUndefined()
  })

  test('a request of the previous owner is never repeated with the token of the next', async () => {
    const tab = open(takeExpired())
    const next = await issue({ username: newName(), device: { label: 'next' } })
    const send = globalThis.fetch
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (url, init) => {
      if (isRefresh(init)) tab.login.begin(next)
      return send(url, init)
    })

    await expect(labels(tab)).rejects.toThrow()

    expect(tab.ends).toEqual(['LOGGED_OUT'])
    expect(await labels(tab)).toEqual(['next'])
  })

  test('a refresh token that was spent before logs out the page and also the client that spent it', async () => {
    const pair = takeExpired()
    const [thief, tab] = [open(pair), open(pair)]
    await labels(thief)

    const asked = await Promise.allSettled([labels(tab), labels(tab)])
    expect(asked.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(tab.ends).toEqual(['ALREADY_USED'])
    await expect(labels(thief)).rejects.toThrow()
    expect(thief.ends).toEqual(['INVALIDATED'])
  })

  test('a page keeps its tokens while the service is not available', async () => {
    const tab = open(takeExpired())
    const send = globalThis.fetch
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (url, init) =>
      isRefresh(init) ? unavailable() : send(url, init),
    )

    await expect(labels(tab)).rejects.toThrow('The database is not available')
    vi.restoreAllMocks()

    expect(tab.ends).toEqual([])
    expect(await labels(tab)).toHaveLength(1)
  })

  test.each([{}, { token: 'x', session: '1' }])(
    'an input of %j, where exactly one field is required, is an error that the page can show',
    async (input) => {
      const { laptop } = await openDevices()
      const mutation = parse(
        'mutation ($input: InvalidateTokenInput!) { invalidateToken(input: $input) { invalidatedTokens } }',
      )

      const answer = laptop.connection.end(mutation, { input })

      await expect(answer).rejects.toThrow(/InvalidateTokenInput/)
      expect(await labels(laptop)).toHaveLength(3)
    },
  )
})

test('the example runs all of these steps with both clients', async () => {
  const { stdout } = await exampleRun

  const steps = `
logged in                 phone, tablet, laptop (here)
logged the phone out      tablet, laptop (here)
logged all others out     laptop (here)
the login form is shown   LOGGED_OUT
logged in again           laptop (here)
the login form is shown   LOGGED_OUT
`
  expect(stdout).toBe(`\nApollo Client${steps}\nurql${steps}`)
})

/** The service's answer while its database is down: a fake, because the other tests need the database. */
function unavailable(): Response {
  const error = { message: 'The database is not available.', extensions: { code: 'SERVICE_UNAVAILABLE' } }
  const headers = { 'content-type': 'application/graphql-response+json' }
  return Response.json({ errors: [error] }, { status: 503, headers })
}
