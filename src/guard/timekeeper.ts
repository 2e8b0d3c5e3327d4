/** The clocks of the machine, in ms. Tests have their own. */
export interface Clocks {
  /** Does not go back and has no steps. It may stop while the machine is suspended. */
  monotonic(): number
  wall(): number
}

export const machineClocks: Clocks = { monotonic: () => performance.now(), wall: () => Date.now() }

/** A moment on both clocks. */
export interface Moment {
  readonly monotonic: number
  readonly wall: number
}

/** By so much the clocks of a gateway and of the service may differ. */
const mostSkewMs = 300_000

/**
 * The time of a guard. How much has passed is the larger of what both clocks say: the monotonic one stops while a machine
 * is suspended, and the wall clock may be set back. The time of day never goes back.
 */
export class Timekeeper {
  readonly #clocks: Clocks
  #latest = Number.NEGATIVE_INFINITY
  /** The largest difference between the wall clock and the monotonic one so far. */
  #offset = Number.NEGATIVE_INFINITY

  constructor(clocks: Clocks) {
    this.#clocks = clocks
  }

  moment(): Moment {
    return { monotonic: this.#clocks.monotonic(), wall: this.#clocks.wall() }
  }

  /** In ms since the epoch. The latest that was seen. */
  now(): number {
    const wall = this.#clocks.wall()
    if (wall > this.#latest) this.#latest = wall
    return this.#latest
  }

  /** On the monotonic clock, in seconds: decides for how long a revocation is remembered. */
  seconds(): number {
    return this.#clocks.monotonic() / 1000
  }

  since(moment: Moment): number {
    return Math.max(this.#clocks.monotonic() - moment.monotonic, this.#clocks.wall() - moment.wall)
  }

  /**
   * Not later than now, on either clock. A clock that was suspended or set back since makes a moment of the past appear
   * to be in the future.
   */
  notAfterNow({ monotonic, wall }: Moment): Moment {
    const now = this.moment()
    return { monotonic: Math.min(monotonic, now.monotonic), wall: Math.min(wall, now.wall) }
  }

  /** Whether the wall clock alone says that so much time has passed: it was set forward, or the machine was suspended. */
  wasSetForward(moment: Moment, ms: number): boolean {
    return this.#clocks.wall() - moment.wall > ms && this.#clocks.monotonic() - moment.monotonic <= ms
  }

  /**
   * Goes by the wall clock as it is now if it was set back so far that tokens would be taken for expired long before they
   * are. Answers whether it was. A revocation is remembered by the monotonic clock, so none is forgotten by this.
   */
  adoptSetBack(): boolean {
    const { monotonic, wall } = this.moment()
    const offset = wall - monotonic
    const wasSetBack = this.#offset - offset > mostSkewMs
    if (wasSetBack) this.#latest = wall
    this.#offset = wasSetBack ? offset : Math.max(this.#offset, offset)
    return wasSetBack
  }
}

export function later({ monotonic, wall }: Moment, ms: number): Moment {
  return { monotonic: monotonic + ms, wall: wall + ms }
}
