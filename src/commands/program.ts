import { Command, CommanderError } from 'commander'
import { holdsToken } from '../tokens/token.ts'
import { version } from '../version.ts'
import { defineClient } from './client.ts'
import { CommandFault, describeFault, exitCodes } from './fault.ts'
import { defineInvalidate } from './invalidate.ts'
import { defineMigrate } from './migrate.ts'
import { defineRestored } from './restored.ts'
import { defineRevocations } from './revocations.ts'
import { defineServe } from './serve.ts'

/** Runs the command that `args` name, and answers the exit code. For `serve` it answers once the service is ready. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    refuseSecrets(args)
    refuseInvalidUtf8(args)
    await createProgram().parseAsync(args, { from: 'user' })
    return exitCodes.done
  } catch (error) {
    return isHelp(error) ? exitCodeOfHelp(error) : report(error, args.includes('--json'))
  }
}

function createProgram(): Command {
  const program = new Command('invalidate-token')
    .description('Ends tokens: at once, everywhere, and with an exact account of what was ended.')
    .version(version)
    .exitOverride()
    // `report` writes all errors, as text or as JSON.
    .configureOutput({ outputError: () => undefined })
    .addHelpText('afterAll', afterHelp)
  defineServe(program)
  defineMigrate(program)
  defineClient(program)
  defineInvalidate(program)
  defineRevocations(program)
  defineRestored(program)
  return program
}

const afterHelp = `
Exit codes:
  0  done
  1  it failed: the settings, the database, …; one sentence on stderr says why
  2  wrong usage
  3  what was named is not known: a token, a session, a client (\`invalidate\`, \`client\`)

Settings come from the environment, or a .env file in the working folder, as
docs/settings.md describes: DATABASE_URL, or DATA_DIR for the embedded database,
which one process at a time may open and only \`serve\` and \`migrate\` create. Every
command brings the tables up to date first.`

/** A token must not be an argument: other processes could see it there, and the shell would keep it in its history. */
function refuseSecrets(args: readonly string[]): void {
  if (!args.some((arg) => holdsToken(arg) || containsEncodedToken(arg))) return
  throw new CommandFault(
    'ERR_USAGE',
    'There is a token or a client’s secret on the command line. It is in the shell’s history now, and the list of processes has shown it, so treat it as stolen: invalidate the token with `invalidate --token-stdin`, or replace the secret with `client replace-secret <id>`.',
  )
}

/**
 * Whether text contains a token in base64, as in `Authorization: Basic …`. Four letters encode three bytes, so one of
 * four consecutive offsets is the start of such a group, and decoding from there gives the original bytes.
 */
function containsEncodedToken(text: string): boolean {
  const words = text.match(/[\w+/-]{40,}/g) ?? []
  return words.some((word) =>
    [0, 1, 2, 3].some((offset) => holdsToken(Buffer.from(word.slice(offset), 'base64').toString('latin1'))),
  )
}

/**
 * Node replaces bytes of an argument that are not UTF-8 with U+FFFD. The argument would then name another realm than
 * the operator meant.
 */
function refuseInvalidUtf8(args: readonly string[]): void {
  if (args.some((arg) => arg.includes('\u{fffd}')))
    throw new CommandFault('ERR_USAGE', 'Expected arguments in UTF-8, got other bytes, or U+FFFD.')
}

function isHelp(error: unknown): error is CommanderError {
  return error instanceof CommanderError && /^commander\.(help|helpDisplayed|version)$/.test(error.code)
}

/** Commander also shows help if the command is missing. That is wrong usage. */
function exitCodeOfHelp({ exitCode }: CommanderError): number {
  return exitCode === 0 ? exitCodes.done : exitCodes.wrongUsage
}

function report(error: unknown, asJson: boolean): number {
  const { code, message, exitCode } = describeFault(error)
  process.stderr.write(asJson ? `${JSON.stringify({ error: { code, message } })}\n` : `${message}\n`)
  return exitCode
}
