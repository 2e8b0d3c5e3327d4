import type { ListableScope } from './coverage.ts'
import { badInput } from './input-fault.ts'
import { readName, readOwnerScope } from './owner.ts'

const maxPageLimit = 1_000

/** @throws TokenServiceError ERR_BAD_INPUT */
export function assertPageLimit(limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= maxPageLimit) return
  throw badInput({ field: 'limit', expected: `to be a whole number from 1 to ${maxPageLimit}`, found: `${limit}` })
}

/** @throws TokenServiceError ERR_BAD_INPUT */
export function readListableScope(scope: ListableScope): ListableScope {
  return scope.kind === 'client'
    ? { kind: 'client', clientId: readName('client', scope.clientId) }
    : readOwnerScope(scope)
}
