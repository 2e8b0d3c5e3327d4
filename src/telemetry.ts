import pino, { type Logger } from 'pino'
import { type EmitEvent, events } from './events/events.ts'
import { tokenLookalike } from './tokens/token.ts'

export type { Logger }

/**
 * A logger that writes one line of JSON for each event. Just before a line is written, any text that looks like a token
 * is replaced. Our own messages contain no tokens; this protects against error messages of other software.
 */
export function createLogger(write: (line: string) => void = (line) => void process.stderr.write(line)): Logger {
  return pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime, serializers: { err: describeError } },
    { write: (line: string) => write(line.replace(tokenLookalike, '[token]')) },
  )
}

/**
 * Writes each event as a line: its name as `event`, its level, the error as `err`, the facts, and its meaning as `msg`.
 */
export function logEvents(logger: Logger = createLogger()): EmitEvent {
  return ({ name, error, facts }) => {
    const { level, meaning } = events[name]
    logger[level]({ ...facts, event: name, ...(error !== undefined && { err: error }) }, meaning)
  }
}

interface ErrorDescription {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly cause: ErrorDescription | undefined
}

function describeError(error: unknown): ErrorDescription {
  if (!(error instanceof Error))
    return { name: typeof error, message: String(error), stack: undefined, cause: undefined }
  const { name, message, stack, cause } = error
  return { name, message, stack, cause: cause === undefined ? undefined : describeError(cause) }
}
