import { afterEach, describe, expect, test, vi } from 'vitest'
import { createLogin, inLocalStorage, type Pair, type SpendRefreshToken } from '../../examples/frontend/login.ts'

const pair = (name: string): Pair => ({ accessToken: `access-${name}`, refreshToken: `refresh-${name}` })
const spend = vi.fn<SpendRefreshToken>(async () => ({ __typename: 'TokenPair', ...pair('new') }))

afterEach(() => {
  vi.unstubAllGlobals()
  spend.mockClear()
})

/** What a browser gives to all tabs of a page; `storage` is told to the others only. */
function openTabs() {
  const kept = new Map<string, string>()
  const window = new EventTarget()
  const notify = (key: string, newValue: string | null) =>
    window.dispatchEvent(Object.assign(new Event('storage'), { key, newValue }))
  vi.stubGlobal('addEventListener', window.addEventListener.bind(window))
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  })
  return { notify, one: createLogin(inLocalStorage()), other: createLogin(inLocalStorage()) }
}

describe('two tabs of a page', () => {
  test('have one login, and the second takes the pair that the first has bought', async () => {
    const { one, other } = openTabs()
    one.begin(pair('old'))
    const sentWith = [one.accessToken(), other.accessToken()]

    const answers = [await one.renew('access-old', spend), await other.renew('access-old', spend)]

    expect(sentWith).toEqual(['access-old', 'access-old'])
    expect(answers).toEqual([true, true])
    expect(spend).toHaveBeenCalledTimes(1)
    expect(other.accessToken()).toBe('access-new')
  })

  test('are logged out together', () => {
    const { notify, one, other } = openTabs()
    const told = vi.fn()
    other.onEnd(told)
    one.begin(pair('old'))

    one.end('LOGGED_OUT')
    notify('token-pair', null)

    expect(told).toHaveBeenCalledExactlyOnceWith('LOGGED_OUT')
    expect(other.accessToken()).toBeUndefined()
  })
})

test('a login without a refresh token is over with its access token', async () => {
  const login = createLogin()
  const told = vi.fn()
  login.onEnd(told)
  login.begin({ accessToken: 'access', refreshToken: null })

  const isRenewed = await login.renew('access', spend)

  expect(isRenewed).toBe(false)
  expect(told).toHaveBeenCalledExactlyOnceWith('NO_REFRESH_TOKEN')
  expect(spend).not.toHaveBeenCalled()
})

test('a new login is not ended by what becomes of the old one, and repeats none of its requests', async () => {
  const login = createLogin()
  const told = vi.fn()
  login.onEnd(told)
  login.begin(pair('old'))
  const refused = login.accessToken() ?? expect.unreachable()

  const isRenewed = await login.renew(refused, async () => {
    login.begin(pair('next'))
    return { __typename: 'RefreshTokenRejected', code: 'INVALIDATED', message: 'It was invalidated.' }
  })

  expect([isRenewed, await login.renew(refused, spend)]).toEqual([false, false])
  expect(login.accessToken()).toBe('access-next')
  expect(told).toHaveBeenCalledExactlyOnceWith('LOGGED_OUT')
})

test('a refresh that a logout has overtaken logs nobody in again', async () => {
  const login = createLogin()
  const told = vi.fn()
  login.onEnd(told)
  login.begin(pair('old'))

  const isRenewed = await login.renew('access-old', async () => {
    login.end('LOGGED_OUT')
    return { __typename: 'TokenPair', ...pair('new') }
  })

  expect(isRenewed).toBe(false)
  expect(login.accessToken()).toBeUndefined()
  expect(told).toHaveBeenCalledExactlyOnceWith('LOGGED_OUT')
})

describe('a page that logs out', () => {
  test('is told so, also when it learns from its stream first that its login was ended', async () => {
    const login = createLogin()
    const told = vi.fn()
    login.onEnd(told)
    login.begin(pair('old'))

    await login.leave(async () => login.end('INVALIDATED'))

    expect(told).toHaveBeenCalledExactlyOnceWith('LOGGED_OUT')
  })

  test('keeps its login when the service does not answer', async () => {
    const login = createLogin()
    login.begin(pair('old'))

    await expect(login.leave(() => Promise.reject(new Error('503')))).rejects.toThrow('503')

    expect(login.accessToken()).toBe('access-old')
    login.end('INVALIDATED')
  })
})
