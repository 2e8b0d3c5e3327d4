import { CommanderError } from 'commander'
import { TokenServiceError } from '../tokens/errors.ts'
import { messageInDialect } from '../tokens/input-fault.ts'
import { tokenLookalike } from '../tokens/token.ts'
import { nameField } from './field-names.ts'

/** The exit codes of the commands. */
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
    meaning: 'A client has this id already, or a deleted client had it: an id is never used again.',
  },
  ERR_CLIENT_DISABLED: {
    exitCode: exitCodes.failed,
    meaning: 'The client is disabled: `client enable` comes first.',
  },
  ERR_CLIENT_ENABLED: {
    exitCode: exitCodes.failed,
    meaning: 'The client is enabled already; `client rotate-secret` or `replace-secret` gives it another secret.',
  },
  ERR_LAST_MANAGER: {
    exitCode: exitCodes.failed,
    meaning: 'The client is the last enabled one with the scope `manage_clients`; another one needs it first.',
  },
  ERR_OUTPUT: {
    exitCode: exitCodes.failed,
    meaning: 'Standard output could not be written. The message says what was done, and how to get a lost secret.',
  },
} as const

/** An error of a command. Its message says what was found and what the operator can do, and contains nothing secret. */
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

/**
 * The error as the operator sees it. An expected error has a message for operators and is shown without its stack, at
 * most with the message of its cause. Any other error is a defect of this program and is shown with its stack.
 */
export function describeFault(error: unknown): Description {
  if (error instanceof CommandFault)
    return { code: error.code, message: error.message, exitCode: faults[error.code].exitCode }
  if (error instanceof CommanderError)
    return { code: 'ERR_USAGE', message: describeUsage(error), exitCode: exitCodes.wrongUsage }
  if (error instanceof TokenServiceError) {
    const message = messageInDialect(error, nameField)
    return {
      code: error.code,
      message: error.cause instanceof Error ? `${message} (${withoutTokens(error.cause.message)})` : message,
      exitCode: error.code === 'ERR_BAD_INPUT' ? exitCodes.wrongUsage : exitCodes.failed,
    }
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { code: 'ERR_UNEXPECTED', message: withoutTokens(message), exitCode: exitCodes.failed }
}

/**
 * Removes tokens from messages of other software. It is not applied to our own messages: they contain no tokens, but
 * they contain names such as `units_production`, which must not be changed.
 */
function withoutTokens(message: string): string {
  return message.replace(tokenLookalike, '[token]')
}

/**
 * Commander's message, without the values that were given: a mistyped value may be a secret. Text that looks like the
 * name of a command or an option is repeated, because the operator needs it to find the mistake.
 */
function describeUsage({ message }: CommanderError): string {
  if (/^error: unknown option '--(?:access-|refresh-)?token['=]/.test(message))
    return 'A token is never an argument: use `invalidate --token-stdin`. See --help.'
  const sentence = message
    .replace(/^error: /, '')
    .replace(/(?<=^option '[^']*' argument) '.*'(?= is invalid\. )/s, '')
    .replace(/(?<=^unknown (?:option|command) ').*(?='(?:\n\(Did you mean .*)?$)/s, nameOf)
    .replaceAll('\n', ' ')
  return `${/[.?]$/.test(sentence) ? sentence : `${sentence}.`} See --help.`
}

/** The name in a command or an option; `…` if it does not look like a name. */
function nameOf(given: string): string {
  const [name = ''] = given.split('=')
  return /^(--[a-z-]{1,30}|[a-z-]{1,20})$/.test(name) ? name : '…'
}
