import { userInfo } from 'node:os'
import { readConfig, readEnvironment } from '../config.ts'
import { openTokenService, type TokenService, type TokenServiceOptions } from '../token-service.ts'
import type { OperatorCaller } from '../tokens/caller.ts'

/**
 * Opens the database that the settings name, for as long as `use` takes. When this function answers, the database is
 * closed and other processes have been notified of the changes. An embedded database is created only if `mustExist` is
 * false.
 *
 * A database that was restored from a backup is opened as well, with a warning: an operator may have to examine it
 * before the restore is completed.
 *
 * The events of the database are dropped. What a command could not do is its own error; what events can add puts itself
 * right within minutes (`count_not_recorded`) or seconds (`notification_not_sent`).
 *
 * @throws TokenServiceError ERR_CONFIGURATION, ERR_DATA_DIR_IN_USE, ERR_STORAGE_UNAVAILABLE
 */
export async function withTokenService<Answer>(
  use: (service: TokenService) => Promise<Answer>,
  { mustExist = true, warns = true }: CommandOptions = {},
): Promise<Answer> {
  const options = { mustExist, allowRestored: true }
  const service = await openTokenService(readConfig(readEnvironment()), options)
  try {
    if (warns) warnOfRestore(service)
    return await use(service)
  } finally {
    await service.database.close()
  }
}

interface CommandOptions extends Pick<TokenServiceOptions, 'mustExist'> {
  /** Whether to warn of a restored database. */
  readonly warns?: boolean
}

function warnOfRestore({ database }: TokenService): void {
  const noticed = database.identity.noticed()
  if (noticed === undefined) return
  process.stderr.write(
    `Warning: this database was restored from a backup or copied (it was ${noticed}). \`serve\` refuses it until you run \`invalidate-token restored\`.\n`,
  )
}

/** The operator who runs the command, named by their account on the machine. */
export function currentOperator(): OperatorCaller {
  return { kind: 'operator', name: accountName() }
}

/** In a container a process may run with a user id that belongs to no account. */
function accountName(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
