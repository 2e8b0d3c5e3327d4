import type { Command } from 'commander'
import type { TokenService } from '../token-service.ts'
import { type Answer, jsonOption, type OutputOptions, print } from './output.ts'
import { withTokenService } from './with-token-service.ts'

export function defineMigrate(program: Command): void {
  program
    .command('migrate')
    .summary('bring the tables up to date')
    .description(
      'Brings the tables up to date and says what it applied; creates the embedded database if there is none.\nSafe to repeat, and beside running services; several at once wait for each other.',
    )
    .option(...jsonOption)
    .action(async (options: OutputOptions) =>
      print(await withTokenService(async ({ database }) => formatMigrations(database), { mustExist: false }), options),
    )
}

/** Opening the database has already applied the migrations. */
function formatMigrations({ description: database, migrations }: TokenService['database']): Answer {
  const text =
    migrations.length === 0 ? `Up to date: ${database}` : [`Applied to ${database}:`, ...migrations].join('\n  ')
  return { text, json: { database, applied: migrations } }
}
