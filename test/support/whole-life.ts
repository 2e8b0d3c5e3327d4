import { sql } from 'drizzle-orm'
import { createClientStore } from '../../src/storage/client-store.ts'
import type { Database } from '../../src/storage/engine/database.ts'
import { completeCounts } from '../../src/storage/invalidate-scope.ts'
import { createRestoreStore } from '../../src/storage/restore-store.ts'
import { deleteExpired } from '../../src/storage/retention.ts'
import { createRevocationLog } from '../../src/storage/revocation-log.ts'
import { createTokenStore } from '../../src/storage/token-store.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import { completeRestore } from '../../src/tokens/restore.ts'
import { createTokens, type Tokens } from '../../src/tokens/tokens.ts'
import { admin } from './service.ts'

/** A day and a month that can be taken for each other: 5 November, or 11 May. */
const begin = Date.parse('2026-11-05T09:00:00.123Z')
const lifetimes = { accessTokenSeconds: 1200, refreshTokenSeconds: 86_400, refreshGraceSeconds: 30 }
const operator = { kind: 'operator', name: 'ops' } as const
const staff = { kind: 'realm', realm: 'staff' } as const
const alice = { realm: 'staff', username: 'alice' } as const
const device = { label: 'Ánn’s 日本 \\ laptop', userAgent: "O'Reilly/1.0 \\x41", ipAddress: '192.0.2.1' }

/**
 * Uses every statement that reads or writes an instant, a digest or a null, on an empty database with fixed times. Answers
 * all that callers were answered, without what differs each time: the texts of tokens, secrets and cursors.
 */
export async function liveThrough(opened: Database): Promise<unknown> {
  // The database's clock shows these times too.
  const database = { ...opened, clock: sql`asked.issued_at` }
  let now = begin
  const clock = () => new Date(now)
  const clients = createClientStore(database)
  const log = createRevocationLog(database)
  const store = createTokenStore(database)
  const tokens = createTokens({ store, log, clients, lifetimes, clock, emit: () => {} })
  const answers: unknown[] = []
  const step = async (run: () => Promise<unknown>) => {
    answers.push(await run().catch((error: unknown) => ({ failed: String(error) })))
    now += 1000
  }

  await liveAsClients(tokens, step)
  const [first, second] = [await issue(tokens), await issue(tokens, { withoutRefreshToken: true })]
  await step(async () => [first, second])
  await liveAsOwners(tokens, [first, second], step)
  await step(async () => (await store.find({ slot: 0, id: 0 })) ?? 'no pair')
  await step(() => completeCounts(database, new Date(now + 3_600_000)))
  const later = () => new Date(now + 3 * 86_400_000)
  const inThreeDays = { ...database, time: { ...database.time, now: later } }
  await step(() => deleteExpired(inThreeDays, { revocationDays: 1, clock: later }))
  await step(() => tokens.listRevocations({ limit: 100 }, admin))
  await step(() => completeRestore({ restores: createRestoreStore(database), clock }, { dryRun: true }, operator))
  await step(() => completeRestore({ restores: createRestoreStore(database), clock }, {}, operator))
  await step(() => database.ping())
  return withoutSecrets(answers)
}

type Step = (run: () => Promise<unknown>) => Promise<void>

function issue(tokens: Tokens, options = {}): Promise<IssuedPair> {
  return tokens.issue({ owner: alice, device, scopes: ['read'], ...options }, admin)
}

async function liveAsClients(tokens: Tokens, step: Step): Promise<void> {
  const secret = 'a-secret-for-tests-of-32-characters'
  await step(() => tokens.createClient({ id: 'admin', scopes: [...admin.scopes], secret }, operator))
  await step(() => tokens.createClient({ id: 'web', scopes: ['create_token'], secret }, operator))
  await step(() => tokens.rotateClientSecret({ id: 'web', secret: `${secret}-2` }, operator))
  await step(() => tokens.authenticate({ kind: 'client', id: 'web', secret }))
  await step(() => tokens.disableClient({ id: 'web', endSessions: true }, operator))
  await step(() => tokens.findClient('web', operator))
  await step(() => tokens.deleteClient({ id: 'web' }, operator))
  await step(() => tokens.listClients({ limit: 10 }, operator))
}

async function liveAsOwners(
  tokens: Tokens,
  [first, second]: readonly [IssuedPair, IssuedPair],
  step: Step,
): Promise<void> {
  const spent = first.refresh?.token ?? ''
  await step(() => tokens.refresh(spent))
  // Within the grace window it is answered with the same pair.
  await step(() => tokens.refresh(spent))
  for (const token of [first.accessToken, second.accessToken, spent]) await step(() => tokens.introspect(token, admin))
  await step(() => tokens.listSessions({ scope: staff, includeEnded: true, limit: 10 }, admin))
  await step(() => tokens.invalidate({ kind: 'access-token', token: second.accessToken }, admin, { reason: 'logout' }))
  await step(() => tokens.findSession(first.session.id, admin))
  const issuedBefore = new Date(begin + 86_400_000)
  const sweep = { kind: 'owner', scope: staff } as const
  await step(() => tokens.invalidate(sweep, admin, { issuedBefore: new Date(begin - 1000) }))
  await step(() => tokens.invalidate(sweep, admin, { issuedBefore, dryRun: true }))
  await step(() => tokens.invalidate(sweep, admin, { issuedBefore, comment: "it's \\ over" }))
  await step(() => tokens.listRevocations({ scope: staff, limit: 10 }, admin))
  await step(() => tokens.findRevocation(1, admin))
  await step(async () => {
    const feed = await tokens.followRevocations(undefined, admin)
    const { value } = await feed.next()
    await feed.return?.()
    return value
  })
  await step(() => tokens.introspect(first.accessToken, admin))
}

/** Also the instants of the database's own clock, if they are of now. */
function withoutSecrets(answers: readonly unknown[]): unknown {
  const text = JSON.stringify(answers)
    .replaceAll(/it[ars]_[\w-]+/g, '[secret]')
    .replaceAll(/"(cursor|epoch)":"[\w-]+"/g, '"$1":"…"')
    // After a restore the numbers move beyond all that were given out.
    .replaceAll(/"revision":\d{10,}/g, '"revision":"beyond"')
    .replaceAll(/"(20\d\d-\d\d-\d\dT[\d:.]+Z)"/g, (whole, instant: string) =>
      Math.abs(Date.now() - Date.parse(instant)) < 600_000 ? '"now"' : whole,
    )
  return JSON.parse(text)
}
