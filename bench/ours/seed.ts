import pg from 'pg'
import { retentionSlots, slotOf, slotSeconds } from '../../src/tokens/retention.ts'
import { mintSecrets } from '../../src/tokens/token.ts'
import type { BenchContext } from '../context.ts'

/** All seeded pairs are in one realm, spread over 200,000 usernames. */
export const realm = 'bench'

/** A database with token pairs that stay live for hours. */
export interface Seeded {
  readonly name: string
  readonly url: string
  readonly pairs: number
  /** Tokens in random order, of pairs spread over the whole table. The tokens of the other pairs are not known. */
  readonly accessTokens: readonly string[]
  readonly refreshTokens: readonly string[]
}

interface NewDatabase {
  readonly name: string
  readonly pairs: number
  /** Creates the tables. */
  readonly migrate: (url: string) => Promise<unknown>
}

interface Plan {
  readonly client: pg.Client
  readonly pairs: number
  /** How many of the pairs have tokens that the benchmark knows. */
  readonly known: number
  /** Seconds since 1970. */
  readonly now: number
}

/**
 * Enough for two contenders at 12,000 a second over five rounds of 4 s and a warm-up, or for one over ten rounds, besides
 * the 20,000 tokens that are introspected.
 */
const mostKnown = 530_000
const hour = 3600
const refreshTokenSeconds = 24 * hour
const slotWidth = slotSeconds(refreshTokenSeconds)
const accessExpiry = ({ now }: Plan) => now + 6 * hour
/** Pairs expire in 8 to 24 hours, in the order of their ids, as after logins at an even rate. */
const spread = { first: 8 * hour, width: 16 * hour }
const expiry = ({ now, pairs }: Plan, id: number) => now + spread.first + Math.floor((id * spread.width) / pairs)

/** Fills a new database. The rows are inserted in order of their ids, through all indexes, as the service does. */
export async function seed(context: BenchContext, { name, pairs, migrate }: NewDatabase): Promise<Seeded> {
  const url = await context.postgres.createDatabase(name)
  await migrate(url)
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const plan = { pairs, known: Math.min(pairs, mostKnown), client, now: Math.floor(Date.now() / 1000) }
    const tokens = await mintKnown(plan)
    await insertPairs(plan, (done) => context.progress.say(`seeding ${name}: ${done} of ${pairs} pairs`))
    await client.query('drop table known')
    await client.query(`select setval('revision', ${pairs})`)
    // The other tables are not analysed: the planner would assume that a table that was empty then stays empty.
    await client.query('vacuum (freeze, analyze) token_pairs')
    return { name, url, pairs, ...tokens }
  } finally {
    await client.end()
  }
}

async function mintKnown(plan: Plan): Promise<Pick<Seeded, 'accessTokens' | 'refreshTokens'>> {
  await plan.client.query(
    'create unlogged table known (id bigint primary key, access_digest bytea not null, refresh_digest bytea not null)',
  )
  const ids = Array.from({ length: plan.known }, (_, place) => Math.floor((place * plan.pairs) / plan.known) + 1)
  const minted: { readonly access: string; readonly refresh: string }[] = []
  for (let from = 0; from < ids.length; from += 10_000) {
    const batch = ids.slice(from, from + 10_000).map((id) => mint(plan, id))
    minted.push(...batch.map(({ access, refresh }) => ({ access, refresh })))
    await insertKnown(plan.client, batch)
  }
  shuffle(minted)
  return { accessTokens: minted.map(({ access }) => access), refreshTokens: minted.map(({ refresh }) => refresh) }
}

interface Minted {
  readonly id: number
  readonly access: string
  readonly refresh: string
  readonly digests: readonly [Uint8Array, Uint8Array]
}

function mint(plan: Plan, id: number): Minted {
  const secrets = mintSecrets()
  const accessExpiresAt = new Date(accessExpiry(plan) * 1000)
  const refreshExpiresAt = new Date(expiry(plan, id) * 1000)
  const key = { id, slot: slotOf(refreshExpiresAt, slotWidth) }
  return {
    id,
    access: secrets.accessToken(key, accessExpiresAt),
    refresh: secrets.refreshToken(key, refreshExpiresAt),
    digests: [secrets.accessDigest, secrets.refreshDigest],
  }
}

/** Sends all digests concatenated in one parameter: as arrays they would cross as text, in three times the time. */
async function insertKnown(client: pg.Client, batch: readonly Minted[]): Promise<void> {
  const digests = Buffer.concat(batch.flatMap((minted) => minted.digests))
  const width = digests.length / batch.length / 2
  await client.query(
    `insert into known select id, substr($2::bytea, start + 1, ${width}), substr($2, start + 1 + ${width}, ${width})
    from (
      select id, (row::int - 1) * ${2 * width} as start from unnest($1::bigint[]) with ordinality batch (id, row)
    ) cut`,
    [batch.map(({ id }) => id), digests],
  )
}

async function insertPairs(plan: Plan, onProgress: (done: number) => void): Promise<void> {
  const { client, now, pairs } = plan
  for (let from = 1; from <= pairs; from += 250_000) {
    onProgress(from - 1)
    await insertRows(client, {
      from,
      to: Math.min(from + 250_000 - 1, pairs),
      accessExpiry: `${accessExpiry(plan)}`,
      expiry: `${now + spread.first} + id * ${spread.width} / ${pairs}`,
      digest: (half, otherwise) =>
        `coalesce((select ${half}_digest from known where known.id = numbered.id), ${otherwise})`,
    })
  }
}

/**
 * Inserts `count` expired pairs in a slot of the retention ring that has no live pair. It is one statement, so that
 * they become visible at the same time.
 */
export async function insertExpired(client: pg.Client, count: number): Promise<void> {
  const expiry = Math.floor(Date.now() / 1000 / slotWidth) * slotWidth - hour
  const digest = (_: string, made: string) => made
  await insertRows(client, { from: 1, to: count, accessExpiry: 'expiry', expiry: `${expiry}`, digest })
  // In a real service, rows that old were vacuumed long ago. And a running autovacuum would delay their deletion, since
  // it locks their table.
  await client.query('vacuum (freeze, analyze) token_pairs')
}

interface Rows {
  readonly from: number
  readonly to: number
  /** A SQL expression in seconds since 1970; may use `id`. */
  readonly expiry: string
  readonly accessExpiry: string
  readonly digest: (half: 'access' | 'refresh', made: string) => string
}

async function insertRows(client: pg.Client, rows: Rows): Promise<void> {
  const width = mintSecrets().accessDigest.length
  const digest = (half: 'access' | 'refresh') =>
    rows.digest(half, `substr(sha256(convert_to('${half} ' || id, 'UTF8')), 1, ${width})`)
  await client.query(`
    insert into token_pairs (id, session_id, issued_at, access_expires_at, expires_at, slot,
      realm, username, client_id, scopes, access_digest, refresh_digest)
    select id, id, to_timestamp(expiry - ${refreshTokenSeconds}), to_timestamp(${rows.accessExpiry}),
      to_timestamp(expiry), expiry / ${slotWidth} % ${retentionSlots},
      '${realm}', 'user-' || id % 200000, 'bench', 'read', ${digest('access')}, ${digest('refresh')}
    from (
      select id, ${rows.expiry} as expiry from generate_series(${rows.from}::bigint, ${rows.to}::bigint) id
    ) numbered order by id`)
}

function shuffle(list: unknown[]): void {
  for (let last = list.length - 1; last > 0; last--) {
    const place = Math.floor(Math.random() * (last + 1))
    ;[list[last], list[place]] = [list[place], list[last]]
  }
}
