import { type SQL, sql } from 'drizzle-orm'
import type { OwnerScope } from '../tokens/owner.ts'
import { optimizationFence } from './columns.ts'

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

/** Whether a pair is one of those that the scope names. */
export function isOf(pair: SQL, { realm, username }: OwnerColumns): SQL {
  const byRealm = realm === null ? sql`true` : sql`${pair}.realm = ${realm}`
  return username === null ? byRealm : sql`${byRealm} and ${hasUsername(pair, username)}`
}

/** Whether a row of the log is about whom the scope names. */
export function isAbout(row: SQL, { realm, username }: OwnerColumns): SQL {
  if (username === null) return realm === null ? sql`true` : hasHashed(sql`${row}.realm`, realm)
  // The realm as it is, for which there is no index: its record may be as long as the log, a name's is not.
  return sql`${hasUsername(row, username)} and ${realm === null ? sql`true` : sql`${row}.realm = ${realm}`}`
}

/**
 * The owners' revocations that cover all of a scope: of its names, of its realm, of its username in every realm. Each
 * arm finds its rows by key, however many owners have logged out everywhere.
 */
export function revocationsCovering(scope: OwnerNames): SQL {
  return arms(scope, (column, name) => (name === null ? [isNull(column)] : [isEqual(column, name), isNull(column)]))
}

/** Those that cover some of it. */
export function revocationsTouching(scope: OwnerNames): SQL {
  return arms(scope, (column, name) => (name === null ? [sql`true`] : [isEqual(column, name), isNull(column)]))
}

/** One that says nothing of both names is one more arm, which finds nothing: there is no such revocation. */
function arms({ realm, username }: OwnerNames, alternatives: (column: SQL, name: Name) => readonly SQL[]): SQL {
  const conditions = alternatives(sql`realm`, realm).flatMap((ofRealm) =>
    alternatives(sql`username`, username).map((ofUsername) => sql`${ofRealm} and ${ofUsername}`),
  )
  const selects = conditions.map(
    (condition) => sql`select * from revocations where selector = 'owner' and ${condition}`,
  )
  return sql`(${sql.join(selects, sql` union all `)})`
}

type Name = string | SQL | null

/** As columns, or as what stands for them in a statement. */
interface OwnerNames {
  readonly realm: Name
  readonly username: Name
}

const isEqual = (column: SQL, name: Name) => sql`${column} = ${name}`
const isNull = (column: SQL) => sql`${column} is null`

/** Found by the name's hash. */
export function hasUsername(row: SQL, username: string | SQL): SQL {
  return hasHashed(sql`${row}.username`, username)
}

/** The pairs of one owner, found by both hashes: a subquery that leaves the planner no other way. */
export function pairsOf(owner: { readonly realm: SQL; readonly username: SQL }): SQL {
  return sql`(select * from (
      select * from token_pairs pair
      where ${hasUsername(sql`pair`, owner.username)} and hashtext(pair.realm) = hashtext(${owner.realm}) ${optimizationFence}
    ) pair where pair.realm = ${owner.realm})`
}

function hasHashed(column: SQL, name: string | SQL): SQL {
  return sql`hashtext(${column}) = hashtext(${name}) and ${column} = ${name}`
}
