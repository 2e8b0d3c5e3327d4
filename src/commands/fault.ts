import { CommanderError } from 'commander'
import { TokenServiceError } from '../tokens/errors.ts'
import { tokenLookalike } from '../tokens/token.ts'

/** What a command ends with, for the shell. */
export const exitCodes = { done: 0, failed: 1, wrongUsage: 2, unknown: 3 } as const

/** What can go wrong at the command line and nowhere else: what it means, and the exit code. */
export const faults = {
  ERR_USAGE: {
    exitCode: exitCodes.wrongUsage,
    meaning: 'The arguments or standard input are wrong; the message says what was expected.',
  },
  ERR_UNKNOWN: {
    exitCode: exitCodes.unknown,
    meaning: 'What was named is not known: a token, a session or a client. Nothing was changed.',
  },
  ERR_CLIENT_EXISTS: {
    exitCode: exitCodes.failed,
    meaning: 'There is a client with this id already; `--replace` gives it a new secret.',
  },
  ERR_OUTPUT: {
    exitCode: exitCodes.failed,
    meaning: 'Standard output could not be written. The message says what was done, and how to get a lost secret.',
  },
} as const

/** Its message is for the operator: what was found and what to do, and nothing secret. */
export class CommandFault extends Error {
  override readonly name = 'CommandFault'
  readonly code: keyof typeof faults

  constructor(code: keyof typeof faults, message: string) {
    super(message)
    this.code = code
  }
}

interface Description {
  readonly code: string
  readonly message: string
  readonly exitCode: number
}

/** A fault that has a sentence for people needs no stack, only what is behind it; anything else is ours and does. */
export function describeFault(error: unknown): Description {
  if (error instanceof CommandFault)
    return { code: error.code, message: error.message, exitCode: faults[error.code].exitCode }
  if (error instanceof CommanderError)
    return { code: 'ERR_USAGE', message: describeUsage(error), exitCode: exitCodes.wrongUsage }
  if (error instanceof TokenServiceError)
    return {
      code: error.code,
      message:
        error.cause instanceof Error ? `${error.message} (${withoutTokens(error.cause.message)})` : error.message,
      exitCode: error.code === 'ERR_BAD_INPUT' ? exitCodes.wrongUsage : exitCodes.failed,
    }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { code: 'ERR_UNEXPECTED', message: withoutTokens(message), exitCode: exitCodes.failed }
}

/** For the words of strangers. In ours there is none, but there are names, and `units_production` must stay one. */
function withoutTokens(message: string): string {
  return message.replace(tokenLookalike, '[token]')
}

/**
 * Commander's words, without what was given: the value of a slip may be a secret. What looks like the name of a command
 * or an option is repeated, because without it nobody finds the slip.
 */
function describeUsage({ message }: CommanderError): string {
  const sentence = message
    .replace(/^error: /, '')
    .replace(/(?<=^option '[^']*' argument) '.*'(?= is invalid\. )/s, '')
    .replace(/(?<=^unknown (?:option|command) ').*(?='(?:\n\(Did you mean .*)?$)/s, nameOf)
    .replaceAll('\n', ' ')
  return `${/[.?]$/.test(sentence) ? sentence : `${sentence}.`} See --help.`
}

function nameOf(given: string): string {
  const [name = ''] = given.split('=')
  return /^(--[a-z-]{1,30}|[a-z-]{1,20})$/.test(name) ? name : '…'
}
