import { type SQL, sql } from 'drizzle-orm'
import type { SweepScope } from '../tokens/coverage.ts'
import { optimizationFence } from './columns.ts'

/** A sweep's scope as columns. Null matches any value, so three nulls are everything. */
export interface ScopeColumns {
  readonly realm: string | null
  readonly username: string | null
  readonly clientId: string | null
}

const anySession: ScopeColumns = { realm: null, username: null, clientId: null }

export function columnsOf(scope: SweepScope): ScopeColumns {
  switch (scope.kind) {
    case 'realm':
      return { ...anySession, realm: scope.realm }
    case 'username':
      return { ...anySession, username: scope.username }
    case 'realm-user':
      return { ...anySession, realm: scope.realm, username: scope.username }
    case 'client':
      return { ...anySession, clientId: scope.clientId }
    case 'everything':
      return anySession
    default:
      return scope satisfies never
  }
}

/** Whether a pair is in the scope. */
export function isOf(pair: SQL, { realm, username, clientId }: ScopeColumns): SQL {
  const conditions = [
    ...(realm === null ? [] : [sql`${pair}.realm = ${realm}`]),
    ...(username === null ? [] : [hasUsername(pair, username)]),
    ...(clientId === null ? [] : [hasClient(pair, clientId)]),
  ]
  return conditions.length === 0 ? sql`true` : sql.join(conditions, sql` and `)
}

/**
 * Whether a row of the log may be about a pair of the scope. The row of a single token or of a session names its owner
 * but not its client, so for a client's scope each may be.
 */
export function mayConcern(row: SQL, { realm, username }: ScopeColumns): SQL {
  if (username === null) return realm === null ? sql`true` : hasHashed(sql`${row}.realm`, realm)
  // The realm without its hash: its index could be as long as the log, where the username's is short.
  return sql`${hasUsername(row, username)} and ${realm === null ? sql`true` : sql`${row}.realm = ${realm}`}`
}

/**
 * The revocations that cover all of a scope: of its names, of its realm, of its username in every realm, of its client,
 * of everything. Each part of the union finds its rows by key, however many owners have revocations of their own.
 */
export function revocationsCovering({ realm, username, clientId }: Names): SQL {
  const ofOwner = (ofRealm: SQL, ofUsername: SQL) => sql`selector = 'owner' and ${ofRealm} and ${ofUsername}`
  const owner =
    realm === null || username === null ? [] : [ofOwner(isEqual(sql`realm`, realm), isEqual(sql`username`, username))]
  const ofRealm = realm === null ? [] : [ofOwner(isEqual(sql`realm`, realm), sql`username is null`)]
  const ofUsername = username === null ? [] : [ofOwner(sql`realm is null`, isEqual(sql`username`, username))]
  const ofClient = clientId === null ? [] : [isEqual(sql`client_id`, clientId)]
  return unionOf([...owner, ...ofRealm, ...ofUsername, ...ofClient, sql`everything`])
}

/** The revocations that cover some of a scope. Those of clients and of everything name neither realm nor username. */
export function revocationsTouching({ realm, username }: Names): SQL {
  const ofRealm = realm === null ? [sql`true`] : [isEqual(sql`realm`, realm), sql`realm is null`]
  const ofUsername = username === null ? [sql`true`] : [isEqual(sql`username`, username), sql`username is null`]
  return unionOf(ofRealm.flatMap((one) => ofUsername.map((other) => sql`selector = 'owner' and ${one} and ${other}`)))
}

function unionOf(conditions: readonly SQL[]): SQL {
  const selects = conditions.map((condition) => sql`select * from revocations where ${condition}`)
  return sql`(${sql.join(selects, sql` union all `)})`
}

type Name = string | SQL | null

/** As values, or as the columns that hold them in a statement. */
interface Names {
  readonly realm: Name
  readonly username: Name
  readonly clientId: Name
}

const isEqual = (column: SQL, name: Name) => sql`${column} = ${name}`

/** Found by the name's hash. */
export function hasUsername(row: SQL, username: string | SQL): SQL {
  return hasHashed(sql`${row}.username`, username)
}

/** Found by the id's hash. */
export function hasClient(pair: SQL, clientId: string | SQL): SQL {
  return hasHashed(sql`${pair}.client_id`, clientId)
}

/** The block of a session id in the index `token_pairs_client`: 4,096 ids share one key. */
export const blockOfSession = sql`(pair.session_id >> 12)`
export const sessionsInBlock = 4_096

/** Newest session first, in the order of that index, completed to one session. */
export const byClientIndex = sql`${blockOfSession} desc, pair.session_id desc`

/** The pairs of one owner, found by both hashes. The subquery leaves the planner no other way. */
export function pairsOf(owner: { readonly realm: SQL; readonly username: SQL }): SQL {
  return sql`(select * from (
      select * from token_pairs pair
      where ${hasUsername(sql`pair`, owner.username)} and hashtext(pair.realm) = hashtext(${owner.realm}) ${optimizationFence}
    ) pair where pair.realm = ${owner.realm})`
}

function hasHashed(column: SQL, name: string | SQL): SQL {
  return sql`hashtext(${column}) = hashtext(${name}) and ${column} = ${name}`
}
