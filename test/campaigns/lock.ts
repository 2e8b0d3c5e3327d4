import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { startPostgres } from '../../scripts/lib/postgres.ts'
import { addClients, startSubject } from '../races/http.ts'
import { startProxy } from '../support/proxy.ts'
import type { Campaign } from './campaign.ts'

/** A statement is given up after 15 s, and its server ends it after 10 s. */
const lockedMs = { atLeast: 15_500, atMost: 18_000 }
const tables = ['token_pairs', 'spent_refresh_tokens', 'revocations'] as const

/**
 * Another session holds a table for longer than a statement is waited for. There is no grace period, so a refresh that
 * commits after its caller was answered 503 ends the login when it is repeated.
 */
export const lock: Campaign = {
  description: 'a table is locked for longer than a statement is waited for, without a grace period',
  control: 'the server does not end a statement that was given up',
  open: async ({ isControl }) => {
    const postgres = await startPostgres()
    const url = await postgres.createDatabase('lock')
    let isStarted = false
    const proxy = await startProxy(url, (bytes) => (isControl && isStarted ? withoutServerTimeout(bytes) : bytes))
    const subject = await startSubject(proxy.url, { REFRESH_GRACE_SECONDS: '0' })
    // The service checks the timeout when it starts. The connections that it opens later are not checked again.
    isStarted = true
    if (isControl) proxy.reset()
    await addClients(url)
    const holder = new pg.Client({ connectionString: url })
    await holder.connect()
    return {
      subject: () => subject,
      disturb: async (random) => {
        const table = isControl ? 'spent_refresh_tokens' : random.pick([...tables])
        await holder.query(`begin; lock table ${table} in access exclusive mode`)
        await sleep(random.between(lockedMs.atLeast, lockedMs.atMost))
        await holder.query('commit')
      },
      recover: async () => undefined,
      close: async () => {
        await subject.service.end()
        await holder.end()
        proxy.close()
        await postgres.stop()
      },
    }
  },
}

/** Of the same length, because the message that opens a connection says how long it is. */
function withoutServerTimeout(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1')
  return Buffer.from(text.replace(/(statement_timeout=)\d{5}\b/, '$199999'), 'latin1')
}
