import type { GuardEvent, GuardState } from './events.ts'
import { background } from './timers.ts'

/** How often observers are told of a change of the state. Checks judge it themselves. */
const observeMs = 1_000

export interface StateObserverOptions {
  readonly stateNow: () => GuardState
  readonly report: (event: GuardEvent) => void
  /** Called at each observation, before a change is reported. */
  readonly onObserved: (state: GuardState, hasChanged: boolean) => void
}

/** Tells of changes of the state, and those who wait until the guard knows everything. */
export class StateObserver {
  readonly #options: StateObserverOptions
  readonly #waiting = new Set<() => void>()
  readonly #timer = background(setInterval(() => this.observe(), observeMs))
  #reported: GuardState = 'CATCHING_UP'

  constructor(options: StateObserverOptions) {
    this.#options = options
  }

  observe(): void {
    const { stateNow, report, onObserved } = this.#options
    const from = this.#reported
    const to = stateNow()
    this.#reported = to
    onObserved(to, from !== to)
    if (from === to) return
    report({ name: 'state_changed', from, to })
    if (to === 'FOLLOWING' || to === 'CLOSED') for (const resume of [...this.#waiting]) resume()
  }

  waitForFollowing(withinMs: number | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer)
        this.#waiting.delete(settle)
        const state = this.#options.stateNow()
        if (state === 'FOLLOWING') resolve()
        else if (state === 'CLOSED') reject(new Error('The guard is closed.'))
        else
          reject(new Error(`The guard does not know all revocations after ${withinMs} ms: is the service reachable?`))
      }
      const timer = withinMs === undefined ? undefined : setTimeout(settle, withinMs)
      const state = this.#options.stateNow()
      if (state === 'FOLLOWING' || state === 'CLOSED') settle()
      else this.#waiting.add(settle)
    })
  }

  /** Observes a last time. */
  close(): void {
    clearInterval(this.#timer)
    this.observe()
  }
}
