import type { RefreshPairMutation, RefreshTokenRejection } from './operations.ts'

/** What the login service hands to the page: `accessToken` and `refreshToken` of a `TokenPair`. */
export interface Pair {
  readonly accessToken: string
  readonly refreshToken: string | null
}

/**
 * Where the pair is kept. One place for all tabs of the page, read anew each time: a tab that kept a copy would one day
 * present a refresh token that another tab has spent, which looks like theft and ends the session.
 */
export interface PairStore {
  read(): Pair | undefined
  write(pair: Pair | undefined): void
  /** `listener` hears it when another tab logs out. */
  onRemoved(listener: () => void): void
}

/** Lasts until the page is left. */
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

/** Lasts, and all tabs share it. Any script on the page can read it: only for pages that run none but their own. */
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

/** Why the page is logged out: it asked for it, the refresh token was refused, or there is none and the time is up. */
export type LoginEnd = 'LOGGED_OUT' | RefreshTokenRejection | 'NO_REFRESH_TOKEN'

/** Sends `RefreshPair`, without an `Authorization` header. Rejects when there is no answer. */
export type SpendRefreshToken = (refreshToken: string) => Promise<RefreshPairMutation['refreshTokenPair']>

/** The page's login. It is in one of two states: there is a pair, or there is none and the page asks to log in. */
export interface Login {
  /** For the `Authorization` header; undefined while logged out. */
  accessToken(): string | undefined
  /** After the login form. A login that is under way ends first. */
  begin(pair: Pair): void
  /**
   * After the service did not accept the access token `refused`: makes that there is a better one.
   *
   * True when a repetition may do better; false when the login that it was sent by is over. However many requests fail
   * together, one refresh token is spent, once. Rejects as `spend` does when the service is not available; the pair is kept, for it may be good.
   */
  renew(refused: string, spend: SpendRefreshToken): Promise<boolean>
  /** Forgets the pair and tells all listeners, once for each login. */
  end(why: LoginEnd): void
  /**
   * Ends the login by what `run` asks of the service. A page that listens may learn of its own logout before it has its
   * answer: all the same it was logged out because it asked to be. Rejects as `run` does; the pair is then kept.
   */
  leave<Answer>(run: () => Promise<Answer>): Promise<Answer>
  /** Here the page shows its login form. Answers the function that ends the listening. */
  onEnd(listener: (why: LoginEnd) => void): () => void
}

export function createLogin(store: PairStore = inMemory()): Login {
  const listeners = new Set<(why: LoginEnd) => void>()
  /** The access tokens that requests of this login were sent with. */
  const handedOut = new Set<string>()
  let running: Promise<void> | undefined
  let isLeaving = false

  function tell(why: LoginEnd): void {
    handedOut.clear()
    running = undefined
    for (const listener of [...listeners]) listener(isLeaving ? 'LOGGED_OUT' : why)
  }

  function end(why: LoginEnd): void {
    // What ended it first has told everybody; for example a logout, and then the refresh that it overtook.
    if (store.read() === undefined) return
    store.write(undefined)
    tell(why)
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
    // Meanwhile the page may have logged out, or another tab may have been quicker: their word stands.
    if (store.read()?.refreshToken !== refreshToken) return
    if (answer.__typename === 'RefreshTokenRejected') return end(answer.code)
    store.write({ accessToken: answer.accessToken, refreshToken: answer.refreshToken })
  }

  async function renew(refused: string, spend: SpendRefreshToken): Promise<boolean> {
    const pair = store.read()
    if (pair?.accessToken === refused) {
      running ??= spendOne(pair, spend).finally(() => {
        running = undefined
      })
      await running
    }
    // Not if it was sent by an earlier login: the next owner must not repeat what the last one asked for.
    return handedOut.has(refused)
  }

  store.onRemoved(() => tell('LOGGED_OUT'))
  return {
    accessToken: () => {
      const accessToken = store.read()?.accessToken
      if (accessToken !== undefined) handedOut.add(accessToken)
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
