import { type Command, Option } from 'commander'
import type { RestoreAnswer, RestoreOptions } from '../tokens/restore.ts'
import { once, readInstant } from './arguments.ts'
import { type Answer, formatTable, jsonOption, type OutputOptions, print } from './output.ts'
import { currentOperator, withTokenService } from './with-token-service.ts'

interface RestoredOptions extends OutputOptions, RestoreOptions {}

export function defineRestored(program: Command): void {
  program
    .command('restored')
    .summary('say that the database was restored from a backup')
    .description(
      'Completes the restore of a database from a backup, or the copy of one. Tokens that ended after the backup are valid again in it, so all tokens end: owners log in again.\n`serve` refuses a restored database until then. It cannot notice every restore (a disk or a folder that was set back, a restore to a point in time): run this after each. Services that run on the database go on by themselves within a minute or so.',
    )
    .addOption(
      new Option(
        '--since <instant>',
        'when the restored database was first used again: later logins live on (RFC 3339)',
      )
        .argParser(once(readInstant))
        .conflicts(['nothingLost']),
    )
    .option('--nothing-lost', 'nothing was written after the backup or the copy, as in a planned move: no token ends')
    .option('--dry-run', 'count what would end, and change nothing')
    .option(...jsonOption)
    .action(async (options: RestoredOptions) => print(await restored(options), options))
}

async function restored(options: RestoredOptions): Promise<Answer> {
  return withTokenService(
    async (service) => {
      const noticed = service.database.identity.noticed()
      const answer = await service.completeRestore(options, currentOperator())
      return formatAnswer(answer, { ...options, noticed, database: service.database.description })
    },
    { warns: false },
  )
}

interface Context extends RestoredOptions {
  readonly noticed: string | undefined
  readonly database: string
}

function formatAnswer(answer: RestoreAnswer, context: Context): Answer {
  const { noticed, database, nothingLost = false, dryRun = false } = context
  const { invalidated, previouslyInvalidated, epoch } = answer
  const revocation = answer.revision === undefined ? null : String(answer.revision)
  const table = formatTable([
    ['Noticed', noticed === undefined ? 'nothing: the database looks as if it was not restored' : `it was ${noticed}`],
    [dryRun ? 'Would be invalidated' : 'Invalidated', String(invalidated)],
    ['Previously invalidated', String(previouslyInvalidated)],
    ['Revocation', revocation ?? `none: ${dryRun ? 'nothing was changed' : 'no token ends'}`],
    [dryRun ? 'Epoch now' : 'New epoch', epoch],
    ['Database', database],
  ])
  const json = {
    noticed: noticed ?? null,
    invalidatedTokens: invalidated,
    previouslyInvalidatedTokens: previouslyInvalidated,
    revocation,
    epoch,
    nothingLost,
    dryRun,
    database,
  }
  return { text: nothingLost ? table : `${table}\n\n${clientsHint}`, json }
}

const clientsHint =
  'Clients are as they were at the backup too: a secret that was replaced since is valid again. See `client list`.'
