import { afterEach, describe, expect, test, vi } from 'vitest'
import { createLogin, inLocalStorage, type Pair, type SpendRefreshToken } from '../../examples/frontend/login.ts'

const pair = (name: string): Pair => ({ accessToken: `access-${name}`, refreshToken: `refresh-${name}` })
const spend = vi.fn<SpendRefreshToken>(async () => ({ __typename: 'TokenPair', ...pair('new') }))

afterEach(() => {
  vi.unstubAllGlobals()
  spend.mockClear()
})

/** Two tabs of a page and what they share. A browser sends `storage` events to the other tabs only. */
function openTabs() {
  const stored = new Map<string, string>()
  const window = new EventTarget()
  const notify = (key: string, newValue: string | null) =>
    window.dispatchEvent(Object.assign(new Event('storage'), { key, newValue }))
  vi.stubGlobal('addEventListener', window.addEventListener.bind(window))
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => stored.set(key, value),
    removeItem: (key: string) => stored.delete(key),
  })
  return { notify, one: createLogin(inLocalStorage()), other: createLogin(inLocalStorage()) }
}

describe('two tabs of a page', () => {
  test('share one login, and the second uses the pair that the first was issued', async () => {
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
    const onEnd = vi.fn()
    other.onEnd(onEnd)
    one.begin(pair('old'))

    one.end('LOGGED_OUT')
    notify('token-pair', null)

    expect(onEnd).toHaveBeenCalledExactlyOnceWith('LOGGED_OUT')
    expect(other.accessToken()).toBeUndefined()
  })
})

test('a login without a refresh token ends with its access token', async () => {
  const login = createLogin()
  const onEnd = vi.fn()
  login.onEnd(onEnd)
  login.begin({ accessToken: 'access', refreshToken: null })

  const isRenewed = await login.renew('access', spend)

  expect(isRenewed).toBe(false)
  expect(onEnd).toHaveBeenCalledExactlyOnceWith('NO_REFRESH_TOKEN')
  expect(spend).not.toHaveBeenCalled()
})

test('the end of an old login does not end a new one, and the new one does not repeat its requests', async () => {
  const login = createLogin()
  const onEnd = vi.fn()
  login.onEnd(onEnd)
  login.begin(pair('old'))
  const refused = login.accessToken() ?? expect.unreachable()

  const isRenewed = await login.renew(refused, async () => {
    login.begin(pair('next'))
    return { __typename: 'RefreshTokenRejected', code: 'INVALIDATED', message: 'It was invalidated.' }
  })

  expect([isRenewed, await login.renew(refused, spend)]).toEqual([false, false])
  expect(login.accessToken()).toBe('access-next')
  expect(onEnd).toHaveBeenCalledExactlyOnceWith('LOGGED_OUT')
})

test('a refresh that completes after a logout does not log in again', async () => {
  const login = createLogin()
  const onEnd = vi.fn()
  login.onEnd(onEnd)
  login.begin(pair('old'))

  const isRenewed = await login.renew('access-old', async () => {
    login.end('LOGGED_OUT')
    return { __typename: 'TokenPair', ...pair('new') }
  })

  expect(isRenewed).toBe(false)
  expect(login.accessToken()).toBeUndefined()
  expect(onEnd).toHaveBeenCalledExactlyOnceWith('LOGGED_OUT')
})

describe('a page that logs out', () => {
  test('is notified of a logout, even if its stream reports first that the login was ended', async () => {
    const login = createLogin()
    const onEnd = vi.fn()
    login.onEnd(onEnd)
    login.begin(pair('old'))

    await login.leave(async () => login.end('INVALIDATED'))

    expect(onEnd).toHaveBeenCalledExactlyOnceWith('LOGGED_OUT')
  })

  test('keeps its login when the service does not answer', async () => {
    const login = createLogin()
    login.begin(pair('old'))

    await expect(login.leave(() => Promise.reject(new Error('503')))).rejects.toThrow('503')

    expect(login.accessToken()).toBe('access-old')
    login.end('INVALIDATED')
  })
})
