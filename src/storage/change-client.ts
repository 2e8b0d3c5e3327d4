import { getTableColumns, sql } from 'drizzle-orm'
import type {
  ClientChange,
  ClientChangeAnswer,
  ClientChangeBy,
  ClientChangeRefusal,
  ClientTokens,
  EndedTokens,
} from '../tokens/client-store.ts'
import { clientRealm, type StoredClient } from '../tokens/clients.ts'
import { instantOf, nullableInstantOf, nullableNumber, textArray } from './columns.ts'
import type { CountQuestion, Coverage } from './count.ts'
import type { Database } from './engine/database.ts'
import { prepareCountAppended } from './invalidate-scope.ts'
import { clients } from './schema.ts'
import type { ScopeColumns } from './sweep-scope.ts'

type Change =
  | ClientChange
  | { readonly kind: 'create'; readonly secretDigest: Uint8Array; readonly scopes: readonly string[] }

/** The outcomes of the function `change_client`. */
const refusals = {
  unknown: 'unknown',
  exists: 'exists',
  id_used: 'id-used',
  is_disabled: 'disabled',
  is_enabled: 'enabled',
  is_same_secret: 'same-secret',
  is_last_manager: 'last-manager',
  beyond_caller: 'beyond-caller',
  outdated_caller: 'outdated-caller',
} as const satisfies Readonly<Record<string, ClientChangeRefusal>>

/**
 * Adds or changes a client by the function `change_client` of the migrations, which decides under one lock, and then
 * counts the tokens that it has ended.
 */
export function createChangeClient(
  database: Database,
): (id: string, change: Change, by: ClientChangeBy) => Promise<ClientChangeAnswer> {
  const { observer } = database
  const countAppended = prepareCountAppended(database)

  return async (id, change, by) => {
    const row = await observer.statement('change_client', [observer.here()], () =>
      callChangeClient(database, { id, change, by }),
    )
    if (row === undefined) throw new Error('Changing a client returned no row')
    const { outcome, revision, ...client } = row
    if (outcome !== 'changed') return { outcome: refusals[outcome] }
    const ends = 'ends' in change ? change.ends : undefined
    const ended =
      ends === undefined || revision === null
        ? undefined
        : await countEnded({ revision, coverage: coverageOf(id, ends, revision), at: by.at })
    return { outcome: 'changed', client: readClientRow(client), ended }
  }

  /**
   * The change is committed: whatever goes wrong from here on, the caller must learn that, and a secret that is new.
   */
  async function countEnded(appended: CountQuestion): Promise<EndedTokens> {
    const counts = await countAppended(appended).catch(() => undefined)
    return { revision: appended.revision, counts }
  }
}

function coverageOf(id: string, ends: ClientTokens, revision: number): Coverage {
  return { ...coverages[ends](id), sessionId: null, sparedSessionId: null, bound: revision }
}

const coverages: Readonly<Record<ClientTokens, (id: string) => ScopeColumns>> = {
  own: (id) => ({ realm: clientRealm, username: id, clientId: null }),
  created: (id) => ({ realm: null, username: null, clientId: id }),
}

interface Asked {
  readonly id: string
  readonly change: Change
  readonly by: ClientChangeBy
}

async function callChangeClient({ db }: Database, { id, change, by }: Asked) {
  const [secretDigest, scopes, ends, keepUntil] = [
    'secretDigest' in change ? change.secretDigest : null,
    'scopes' in change ? change.scopes : null,
    'ends' in change ? change.ends : null,
    'keepPreviousUntil' in change ? change.keepPreviousUntil.toISOString() : null,
  ]
  // The query has the table's own name, so that drizzle decodes its columns as those of the table.
  const changed = db.$with('clients', {}).as(sql`
    select change.outcome, change.revocation, (change.client).* from change_client(
      target => ${id}, change => ${change.kind}, new_secret => ${secretDigest}::bytea, new_scopes => ${textArray(scopes)},
      keep_previous_until => ${keepUntil}::timestamptz, ends => ${ends}, held => ${textArray(by.heldScopes ?? null)},
      by_client => ${by.clientId}, by_seen => ${by.credentialRevision ?? null}::bigint,
      asked_at => ${by.at.toISOString()}::timestamptz, asked_by => ${by.caller}, given_reason => ${by.reason ?? null}
    ) change`)
  const [row] = await db
    .with(changed)
    .select({
      outcome: sql<'changed' | keyof typeof refusals>`outcome`,
      revision: sql<number | null>`revocation`.mapWith(nullableNumber),
      ...clientColumns,
    })
    .from(clients)
  return row
}

/** How a statement selects a client. */
export const clientColumns = {
  ...getTableColumns(clients),
  createdAt: instantOf(clients.createdAt),
  disabledAt: nullableInstantOf(clients.disabledAt),
  previousSecretUntil: nullableInstantOf(clients.previousSecretUntil),
  deletedAt: nullableInstantOf(clients.deletedAt),
}

export function readClientRow(row: typeof clients.$inferSelect): StoredClient {
  const { id, secretDigest, scopes, createdAt, previousSecretDigest: digest, previousSecretUntil: until } = row
  return {
    id,
    secretDigest,
    scopes,
    createdAt,
    previousSecret: digest === null || until === null ? undefined : { digest, until },
    disabledAt: row.disabledAt ?? undefined,
    deletedAt: row.deletedAt ?? undefined,
    scopesValidFrom: row.scopesValidFrom ?? undefined,
  }
}
