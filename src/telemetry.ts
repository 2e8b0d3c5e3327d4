import pino, { type Logger } from 'pino'
import { type EmitEvent, events } from './events/events.ts'
import type { EndedRequest } from './events/request-observer.ts'
import { prettyLine } from './pretty-line.ts'
import { tokenLookalike } from './tokens/token.ts'

export type { Logger }

export interface LogSettings {
  /** Lines below this level are not written. */
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** `pretty` is for people, `json` for programs: one object a line. `auto`: pretty at a terminal. */
  readonly format: 'json' | 'pretty' | 'auto'
  /** Whether each request is a line. */
  readonly requests: boolean
}

/** A slow reader of standard error must not fill the memory: beyond this, lines are dropped. */
const mostWaitingBytes = 4 * 1024 * 1024

/** Writes to standard error without waiting for it, and what is left when the process ends. */
function writeToStandardError(): (line: string) => void {
  const destination = pino.destination({ fd: 2, sync: false, maxLength: mostWaitingBytes })
  process.once('exit', () => destination.flushSync())
  // A reader that is gone is no reason to end.
  destination.on('error', () => undefined)
  return (line) => void destination.write(line)
}

/**
 * A logger that writes one line for each event. Just before a line is written, any text that looks like a token is
 * replaced. Our own messages contain no tokens; this protects against error messages of other software.
 */
export function createLogger(
  write: (line: string) => void = writeToStandardError(),
  { level, format }: Omit<LogSettings, 'requests'> = { level: 'info', format: 'json' },
): Logger {
  const isPretty = format === 'pretty' || (format === 'auto' && process.stderr.isTTY)
  const form = isPretty ? prettyLine : (line: string) => line
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, serializers: { err: describeError } },
    { write: (line: string) => write(form(line).replace(tokenLookalike, '[token]')) },
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

/** Where a service writes its log. */
export interface Log {
  readonly emit: EmitEvent
  /** Undefined if requests are not logged. */
  readonly onRequest: ((ended: EndedRequest) => void) | undefined
}

/** Opens the log on standard error. */
export function openLog(settings: LogSettings): Log {
  const logger = createLogger(writeToStandardError(), settings)
  return { emit: logEvents(logger), onRequest: settings.requests ? logRequests(logger) : undefined }
}

/** Writes each request as a line, once it has ended. What only asks whether the service lives is of the level debug. */
function logRequests(logger: Logger): (ended: EndedRequest) => void {
  return ({ milliseconds, ...ended }) => {
    const level = ended.route !== undefined && probes.has(ended.route) ? 'debug' : 'info'
    logger[level]({ event: 'request', ...ended, milliseconds: Math.round(milliseconds * 10) / 10 }, 'A request.')
  }
}

const probes: ReadonlySet<string> = new Set(['/health', '/ready'])

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
