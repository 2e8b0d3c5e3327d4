import { userInfo } from 'node:os'
import { readConfig, readEnvironment } from '../config.ts'
import { openTokenService, type TokenService, type TokenServiceOptions } from '../token-service.ts'
import type { OperatorCaller } from '../tokens/caller.ts'

/**
 * Opens the database that the settings name for as long as `use` takes. It is closed when this answers, and other
 * processes have been told of what was done. An embedded one is made only where `mustExist` is false.
 *
 * @throws TokenServiceError ERR_CONFIGURATION, ERR_DATA_DIR_IN_USE, ERR_STORAGE_UNAVAILABLE
 */
export async function withTokenService<Answer>(
  use: (service: TokenService) => Promise<Answer>,
  { mustExist = true }: Pick<TokenServiceOptions, 'mustExist'> = {},
): Promise<Answer> {
  const service = await openTokenService(readConfig(readEnvironment()), { clock: () => new Date(), mustExist })
  try {
    return await use(service)
  } finally {
    await service.database.close()
  }
}

/** Whoever runs the command, by the name of their account. */
export function currentOperator(): OperatorCaller {
  return { kind: 'operator', name: accountName() }
}

/** In a container a process may have a number that no account has. */
function accountName(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
