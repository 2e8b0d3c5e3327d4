import { type SQL, sql } from 'drizzle-orm'
import { type BlockSection, generationSeconds, horizonSeconds, type OwnerRevocation } from '../tokens/block.ts'
import type { SectionPage } from '../tokens/revocation-log.ts'
import { type Cursor, readCursor } from './cursor.ts'
import type { Database } from './engine/database.ts'
import { beginning, cursorAfter, isLost, type LastRow, readLogState, unseen } from './log-state.ts'

/** One age of a page, as the statement gives it: ids in hexadecimal, 8 bytes each. */
interface JsonSection {
  readonly age: number
  readonly access_tokens: string | null
  readonly sessions: string | null
  readonly owners: readonly JsonOwner[] | null
}

type JsonOwner = readonly [
  realm: string | null,
  username: string | null,
  clientId: string | null,
  bound: number,
  sparedSessionId: number | null,
]

interface JsonPage {
  /** The last row of a full page: there may be more rows after it. */
  readonly last: LastRow | null
  readonly sections: readonly JsonSection[] | null
}

/**
 * `readSince` in the form of a guard: only what can still cover a live access token, and of it only what decides.
 *
 * Postgres packs the ids: as rows, each would be an object of its own here. It does not sort them: in the order of the
 * log they are almost sorted, which is quick here and takes Postgres as long as reading them.
 *
 * @throws TokenServiceError ERR_BAD_INPUT: not a cursor of this feed
 */
export async function readSections(database: Database, after: string | undefined, limit: number): Promise<SectionPage> {
  const cursor = after === undefined ? beginning : readCursor(after)
  const state = await readLogState(database, {
    rows: unseen(cursor, { rows: limit, matching: isLive(database), columns: deciding, start: horizonStart(database) }),
    target: cursor.page?.snapshot,
    page: packed(database, limit, cursor),
  })
  if (after !== undefined && isLost(cursor, state))
    return { sections: [], cursor: after, epoch: state.epoch, hasGap: true, hasMore: true }
  const { last = null, sections } = state.page ?? {}
  return {
    sections: (sections ?? []).map(readSection),
    epoch: state.epoch,
    hasGap: false,
    ...cursorAfter(cursor, state, { target: undefined, last: last ?? undefined }),
  }
}

/** As text: a driver writes a Date in the time zone of its process. */
function ago({ time }: Pick<Database, 'time'>, seconds: number): SQL {
  return sql`${new Date(time.now().getTime() - seconds * 1000).toISOString()}::timestamptz`
}

/** An access token has at most an hour to live, and a session that was ended gets no other. */
function isLive(database: Database): SQL {
  return sql`selector <> 'refresh_token' and at >= ${ago(database, horizonSeconds)}`
}

/**
 * A revision before which no revocation matters to a guard, found by bisection: revisions are given in the order of
 * time, but for the seconds that a request takes and the clocks of several processes. There is no index over `at`,
 * which every revocation would pay for.
 */
function horizonStart(database: Database): SQL {
  return sql`(
    with recursive search (low, high) as (
      select coalesce(min(revision), 0) - 1, coalesce(max(revision), 0) from revocations
      union all
      select case when is_old then middle else low end, case when is_old then high else middle end
      from (select low, high, (low + high) / 2 as middle from search where high - low > 1) step, lateral (
        select coalesce((select at from revocations where revision > middle order by revision limit 1)
          < ${ago(database, horizonSeconds + 600)}, false) as is_old) probe)
    select low from search order by high - low limit 1)`
}

/** What decides, and what the log is ordered by. */
const deciding = sql`
  xid, revision, selector, pair_id, session_id, realm, username, client_id, bound, spared_session_id, at`

/**
 * A page as one value: ids of the same age together.
 *
 * From the beginning the rows are read once, as they come. A second use of them would have Postgres write them to a file
 * first, for twice the time. In order of transaction the last row is looked for among them; those pages are small.
 */
function packed(database: Database, limit: number, { seen }: Cursor): SQL<JsonPage | null> {
  const ids = (id: SQL, selector: SQL) =>
    sql`encode(string_agg(int8send(${id}), ''::bytea) filter (where selector = ${selector}), 'hex')`
  // `extract` computes with numeric, and takes three times as long.
  const age = sql`date_part('epoch', ${ago(database, 0)} - at)`
  const last =
    seen === undefined
      ? sql`json_build_object('xid', '0', 'revision', max(last_revision))`
      : sql`(select json_build_object('xid', xid::text, 'revision', revision) from page order by xid desc, revision desc limit 1)`
  return sql`(
    with aged as (
      select ${ids(sql`pair_id`, sql`'access_token'`)} as access_tokens, ${ids(sql`session_id`, sql`'session'`)} as sessions,
        json_agg(json_build_array(realm, username, client_id, bound, spared_session_id)) filter (where selector = 'owner') as owners,
        greatest(0, floor(${age} / ${generationSeconds})) * ${generationSeconds} as age,
        count(*) as rows, max(revision) as last_revision
      from page group by age)
    select json_build_object(
      'last', case when sum(rows) = ${limit} then ${last} end,
      'sections', json_agg(json_build_object(
        'age', age, 'access_tokens', access_tokens, 'sessions', sessions, 'owners', owners)))
    from aged)`
}

function readSection({ age, access_tokens, sessions, owners }: JsonSection): BlockSection {
  return {
    ageSeconds: age,
    accessTokens: readIds(access_tokens),
    sessions: readIds(sessions),
    owners: (owners ?? []).map(readOwner),
  }
}

function readIds(hexadecimal: string | null): readonly number[] {
  const bytes = Buffer.from(hexadecimal ?? '', 'hex')
  const ids: number[] = []
  for (let at = 0; at < bytes.length; at += 8) ids.push(bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4))
  return ids.sort((one, other) => one - other)
}

function readOwner([realm, username, clientId, bound, sparedSessionId]: JsonOwner): OwnerRevocation {
  return {
    realm: realm ?? undefined,
    username: username ?? undefined,
    clientId: clientId ?? undefined,
    bound,
    sparedSessionId: sparedSessionId ?? undefined,
  }
}
