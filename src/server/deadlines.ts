/** How long each step of a request may take, in milliseconds. */
export interface Deadlines {
  /** From the first byte of a request, or from the opening of its connection, to the end of its headers. */
  readonly headersMs: number
  /** From the first byte of a request to its last. */
  readonly wholeRequestMs: number
  /** From the last byte of a request to the beginning of its answer. */
  readonly answerMs: number
  /** How long a client may read nothing of what waits for it: of an answer, or of a stream. */
  readonly unreadMs: number
}

/**
 * A statement may take 15 s, so the database refuses before a request is given up. What is written is handed to the
 * system in pieces of 64 KiB, so a client that reads 6.4 kB/s or more is never cut off.
 */
export const deadlines: Deadlines = {
  headersMs: 10_000,
  wholeRequestMs: 30_000,
  answerMs: 20_000,
  unreadMs: 10_000,
}

/** How often node:http looks for requests that arrive too slowly. Its default is 30 s, so that 10 s would be up to 40. */
export const arrivalCheckMs = 500
/** How often the open requests are looked through. One timer for all of them costs less than one for each. */
export const sweepMs = 250
/** The longest time of one step between two sweeps. A process that was suspended has not worked in that time. */
export const longestStepMs = 1_000
