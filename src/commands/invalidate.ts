import { type Command, Option } from 'commander'
import type { InvalidationAnswer, InvalidationOptions, InvalidationTarget } from '../tokens/invalidate.ts'
import { type InvalidationReason, invalidationReasons } from '../tokens/invalidation-reasons.ts'
import { isDamagedToken, readToken } from '../tokens/token.ts'
import type { Tokens } from '../tokens/tokens.ts'
import { once, readCount, readId, readInstant, readReason, readValue } from './arguments.ts'
import { CommandFault } from './fault.ts'
import { type Answer, formatTable, jsonOption, type OutputOptions, print } from './output.ts'
import { ownerScopeOf } from './owner-scope.ts'
import { readSecret } from './stdin.ts'
import { currentOperator, withTokenService } from './with-token-service.ts'

interface InvalidateOptions extends OutputOptions {
  readonly tokenStdin?: boolean
  readonly session?: number
  readonly realm?: string
  readonly username?: string
  readonly client?: string
  readonly everything?: boolean
  readonly wholeSession?: boolean
  readonly issuedBefore?: Date
  readonly expectAtMost?: number
  readonly dryRun?: boolean
  readonly reason?: InvalidationReason
  readonly comment?: string
}

const withSweeps = 'with --realm, --username, --client or --everything'

export function defineInvalidate(program: Command): void {
  program
    .command('invalidate')
    .summary('end tokens, at once')
    .description(
      'Ends tokens and says how many. Exactly one of: --token-stdin, --session, --client, --everything, --realm, --username; --realm and --username together name one owner.\nA token is never an argument: `invalidate --token-stdin < file`, or paste it when you are asked.',
    )
    .option('--token-stdin', 'the access or refresh token on standard input')
    .option('--session <id>', 'one login, with all that was refreshed from it', once(readId))
    .option('--realm <name>', 'all owners in a realm', once(readValue))
    .option('--username <name>', 'this name in every realm; with --realm this one owner', once(readValue))
    .option('--client <id>', 'all sessions that this client created', once(readValue))
    .option('--everything', 'all sessions')
    .addOption(
      new Option('--whole-session', 'with --token-stdin: the whole login that the token belongs to').conflicts([
        'session',
        'realm',
        'username',
        'client',
        'everything',
      ]),
    )
    .addOption(
      new Option('--issued-before <instant>', `${withSweeps}: only logins made before it (RFC 3339)`)
        .argParser(once(readInstant))
        .conflicts(['tokenStdin', 'session']),
    )
    .addOption(
      new Option('--expect-at-most <number>', `${withSweeps}: refuse to end more tokens than this`)
        .argParser(once(readCount))
        .conflicts(['tokenStdin', 'session']),
    )
    .option('--dry-run', 'count what would end, and change nothing')
    .addOption(
      new Option('--reason <reason>', 'why, for the record').choices(invalidationReasons).argParser(once(readReason)),
    )
    .option('--comment <text>', 'a note for the record, at most 500 characters', once(readValue))
    .option(...jsonOption)
    .action(async (options: InvalidateOptions) => print(await invalidate(options), options))
}

async function invalidate(options: InvalidateOptions): Promise<Answer> {
  const target = await readSelector(options)
  return withTokenService(async ({ tokens, database }) => {
    const answer = await tokens.invalidate(target, currentOperator(), readOptions(options))
    if (answer.invalidated + answer.previouslyInvalidated === 0) await assertKnown(tokens, target)
    return formatAnswer(answer, { ...options, database: database.description })
  })
}

/** Exactly one selector is required: a forgotten option must not make the invalidation cover more than was meant. */
async function readSelector(options: InvalidateOptions): Promise<InvalidationTarget> {
  const { tokenStdin, session, client, everything } = options
  const scope = ownerScopeOf(options.realm, options.username)
  const given = [tokenStdin, session, client, everything, scope].filter((selector) => selector !== undefined)
  if (given.length === 1) {
    if (session !== undefined) return { kind: 'session', id: session }
    if (client !== undefined) return { kind: 'client', clientId: client }
    if (everything !== undefined) return { kind: 'everything' }
    if (scope !== undefined) return { kind: 'owner', scope }
    return readTokenSelector()
  }
  throw new CommandFault(
    'ERR_USAGE',
    `Expected one of --token-stdin, --session, --client, --everything, or --realm and --username, got ${given.length === 0 ? 'none' : given.length}.`,
  )
}

async function readTokenSelector(): Promise<InvalidationTarget> {
  const token = await readSecret('a token')
  const presented = readToken(token)
  if (isDamagedToken(token))
    throw new CommandFault(
      'ERR_USAGE',
      'Expected a token on standard input and nothing else, got one with other characters around it or in it. Nothing was changed.',
    )
  if (presented === undefined)
    throw unknown('The text on standard input is not a token of this service, or not a complete one.')
  return { kind: `${presented.half}-token`, token }
}

/** Called if nothing was counted. Throws if the reason is that the session or the token is unknown. */
async function assertKnown(tokens: Tokens, target: InvalidationTarget): Promise<void> {
  switch (target.kind) {
    case 'owner':
    case 'client':
    case 'everything':
      return
    case 'session':
      if ((await tokens.findSession(target.id, currentOperator())) === undefined)
        throw unknown(`There is no session ${target.id}, or it was deleted after it had expired.`)
      return
    case 'access-token':
    case 'refresh-token': {
      const counted = await tokens.invalidate(target, currentOperator(), { dryRun: true })
      if (counted.invalidated + counted.previouslyInvalidated === 0)
        throw unknown(
          'This token is not known: it belongs to another service, or was deleted some time after it had expired.',
        )
      return
    }
    default:
      return target satisfies never
  }
}

function unknown(message: string): CommandFault {
  return new CommandFault('ERR_UNKNOWN', `${message} Nothing was changed.`)
}

function readOptions(given: InvalidateOptions): InvalidationOptions {
  const { wholeSession = false, dryRun = false, issuedBefore, expectAtMost, reason, comment } = given
  return { wholeSession, dryRun, issuedBefore, expectAtMost, reason, comment }
}

interface Context extends Pick<InvalidateOptions, 'dryRun'> {
  /** Shown so that an operator who forgot to set DATABASE_URL notices which database was used. */
  readonly database: string
}

function formatAnswer(answer: InvalidationAnswer, { dryRun = false, database }: Context): Answer {
  const { invalidated, previouslyInvalidated, errors, revision } = answer
  const revocation = revision === undefined ? null : String(revision)
  const counts = formatTable([
    [dryRun ? 'Would be invalidated' : 'Invalidated', String(invalidated)],
    ['Previously invalidated', String(previouslyInvalidated)],
    ['Errors', String(errors.length)],
    ['Revocation', revocation ?? (dryRun ? 'none: nothing was changed' : 'none: there was nothing new to end')],
    ['Database', database],
  ])
  const json = {
    invalidatedTokens: invalidated,
    previouslyInvalidatedTokens: previouslyInvalidated,
    errorCount: errors.length,
    errorDetails: errors.length === 0 ? null : errors,
    revocation,
    dryRun,
    database,
  }
  return { text: counts, json }
}
