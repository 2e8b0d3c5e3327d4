import type { RefreshPairMutation, RefreshTokenRejection } from './operations.ts'

/** The pair that the page gets from the login service: `accessToken` and `refreshToken` of a `TokenPair`. */
export interface Pair {
  readonly accessToken: string
  readonly refreshToken: string | null
}

/**
 * Where the pair is kept. All tabs of the page share one place, and read it each time. A tab with a copy of its own
 * would at some time use a refresh token that another tab has used; the service takes that for theft and ends the
 * session.
 */
export interface PairStore {
  read(): Pair | undefined
  write(pair: Pair | undefined): void
  /** Calls `listener` when another tab logs out. */
  onRemoved(listener: () => void): void
}

/** Keeps the pair until the page is left. */
function inMemory(): PairStore {
  let kept: Pair | undefined
  return {
    read: () => kept,
    write: (pair) => {
      kept = pair
    },
    onRemoved: () => {},
  }
}

/** Keeps the pair for all tabs. Any script on the page can read it: use it only for pages without foreign scripts. */
export function inLocalStorage(key = 'token-pair'): PairStore {
  return {
    read: () => {
      const kept = localStorage.getItem(key)
      return kept === null ? undefined : JSON.parse(kept)
    },
    write: (pair) => (pair ? localStorage.setItem(key, JSON.stringify(pair)) : localStorage.removeItem(key)),
    onRemoved: (listener) =>
      addEventListener('storage', (event) => {
        if (event.key === key && event.newValue === null) listener()
      }),
  }
}

/** Why the page is logged out: its own request, a rejected refresh token, or expiry without a refresh token. */
export type LoginEnd = 'LOGGED_OUT' | RefreshTokenRejection | 'NO_REFRESH_TOKEN'

/** Sends `RefreshPair` without an `Authorization` header. Rejects when there is no answer. */
export type SpendRefreshToken = (refreshToken: string) => Promise<RefreshPairMutation['refreshTokenPair']>

/** The page's login. It has two states: there is a pair, or there is none and the page shows its login form. */
export interface Login {
  /** The token for the `Authorization` header; undefined while logged out. */
  accessToken(): string | undefined
  /** Begins a login, after the login form. An existing login ends first. */
  begin(pair: Pair): void
  /**
   * Gets a new pair, after the service has refused the access token `refused`.
   *
   * True if the request may be repeated; false if the login that sent it is over. However many requests fail together,
   * one refresh token is used, once. Rejects as `spend` does when the service is not available; the pair is then kept,
   * because it may still be valid.
   */
  renew(refused: string, spend: SpendRefreshToken): Promise<boolean>
  /** Removes the pair and notifies all listeners, once for each login. */
  end(why: LoginEnd): void
  /**
   * Ends the login by the request that `run` sends. A page with a subscription may be notified of its own logout before
   * it gets the answer: listeners are then called with `LOGGED_OUT` all the same. Rejects as `run` does; the pair is
   * then kept.
   */
  leave<Answer>(run: () => Promise<Answer>): Promise<Answer>
  /** Adds a listener, which shows the login form. Answers a function that removes the listener. */
  onEnd(listener: (why: LoginEnd) => void): () => void
}

export function createLogin(store: PairStore = inMemory()): Login {
  const listeners = new Set<(why: LoginEnd) => void>()
  /** The access tokens with which requests of this login were sent. */
  const sentTokens = new Set<string>()
  let renewal: Promise<void> | undefined
  let isLeaving = false

  function notify(why: LoginEnd): void {
    sentTokens.clear()
    renewal = undefined
    for (const listener of [...listeners]) listener(isLeaving ? 'LOGGED_OUT' : why)
  }

  function end(why: LoginEnd): void {
    // The login has already ended and the listeners were notified, for example by a logout during a refresh.
    if (store.read() === undefined) return
    store.write(undefined)
    notify(why)
  }

  async function leave<Answer>(run: () => Promise<Answer>): Promise<Answer> {
    isLeaving = true
    try {
      const answer = await run()
      end('LOGGED_OUT')
      return answer
    } finally {
      isLeaving = false
    }
  }

  async function spendOne({ refreshToken }: Pair, spend: SpendRefreshToken): Promise<void> {
    if (refreshToken === null) return end('NO_REFRESH_TOKEN')
    const answer = await spend(refreshToken)
    // Meanwhile the page may have logged out, or another tab may have renewed the pair: that result is kept.
    if (store.read()?.refreshToken !== refreshToken) return
    if (answer.__typename === 'RefreshTokenRejected') return end(answer.code)
    store.write({ accessToken: answer.accessToken, refreshToken: answer.refreshToken })
  }

  async function renew(refused: string, spend: SpendRefreshToken): Promise<boolean> {
    const pair = store.read()
    if (pair?.accessToken === refused) {
      renewal ??= spendOne(pair, spend).finally(() => {
        renewal = undefined
      })
      await renewal
    }
    // False for a request of an earlier login: it must not be repeated in the name of the next owner.
    return sentTokens.has(refused)
  }

  store.onRemoved(() => notify('LOGGED_OUT'))
  return {
    accessToken: () => {
      const accessToken = store.read()?.accessToken
      if (accessToken !== undefined) sentTokens.add(accessToken)
      return accessToken
    },
    begin: (pair) => {
      end('LOGGED_OUT')
      store.write(pair)
    },
    renew,
    end,
    leave,
    onEnd: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
