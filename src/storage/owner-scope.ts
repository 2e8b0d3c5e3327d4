import { type SQL, sql } from 'drizzle-orm'
import type { OwnerScope } from '../tokens/owner.ts'

/** An owner's scope as columns: null is whatever there is. */
export interface OwnerColumns {
  readonly realm: string | null
  readonly username: string | null
}

export function columnsOf(scope: OwnerScope): OwnerColumns {
  return {
    realm: scope.kind === 'username' ? null : scope.realm,
    username: scope.kind === 'realm' ? null : scope.username,
  }
}

/** Whether a row, of the pairs or of the log, names whom the scope names. */
export function isOf(row: SQL, { realm, username }: OwnerColumns): SQL {
  const byRealm = realm === null ? sql`true` : sql`${row}.realm = ${realm}`
  return username === null ? byRealm : sql`${byRealm} and ${hasUsername(row, username)}`
}

/** The index is over the name's hash. */
export function hasUsername(row: SQL, username: string | SQL): SQL {
  return sql`hashtext(${row}.username) = hashtext(${username}) and ${row}.username = ${username}`
}
