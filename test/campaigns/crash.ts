import pg from 'pg'
import { startPostgres } from '../../scripts/lib/postgres.ts'
import { addClients, startSubject } from '../races/http.ts'
import type { Campaign } from './campaign.ts'

/** A refresh whose answer was lost is repeated after the recovery, however long that took. */
export const patient = { REFRESH_GRACE_SECONDS: '300' }

/** kill -9 of the service and of PostgreSQL with all its processes, and a restart of PostgreSQL, by turns. */
export const crash: Campaign = {
  description: 'kill -9 of the service, kill -9 of PostgreSQL, and its restart under load, by turns',
  control: 'commits are acknowledged before they are on the disk',
  open: async ({ isControl }) => {
    const settings = { fsync: 'on', ...(isControl && { wal_writer_delay: '10s', wal_writer_flush_after: '0' }) }
    const postgres = await startPostgres({ settings })
    const url = await postgres.createDatabase('crash')
    let subject = await startSubject(url, patient)
    await addClients(url)
    if (isControl) await acknowledgeEarly(url)
    let turn = 0
    let isServiceGone = false
    return {
      subject: () => subject,
      disturb: async () => {
        const what = isControl ? 1 : turn++ % 3
        isServiceGone = what === 0
        if (isServiceGone) await subject.service.end('SIGKILL')
        else if (what === 1) await postgres.kill()
        else await postgres.restart()
      },
      recover: async () => {
        if (isServiceGone) subject = await startSubject(url, patient)
        else await postgres.restart()
      },
      close: async () => {
        await subject.service.end()
        await postgres.stop()
      },
    }
  },
}

/** The service raises `synchronous_commit` on its connections, so here each transaction lowers it again. */
async function acknowledgeEarly(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`create function acknowledge_early() returns trigger language plpgsql as $$
    begin perform set_config('synchronous_commit', 'off', true); return null; end $$`)
  for (const table of ['token_pairs', 'spent_refresh_tokens', 'revocations'])
    await client.query(
      `create trigger early before insert on ${table} for each statement execute function acknowledge_early()`,
    )
  await client.end()
}

/** The service is told to stop under load that keeps its connections. Every client learns the outcome of its request. */
export const drain: Campaign = {
  description: 'SIGTERM of the service under load on connections that are kept',
  control: 'the process ends at once',
  allKnown: true,
  open: async ({ isControl }) => {
    const postgres = await startPostgres()
    const url = await postgres.createDatabase('drain')
    let subject = await startSubject(url, patient)
    await addClients(url)
    return {
      subject: () => subject,
      disturb: async () => {
        const code = await subject.service.end(isControl ? 'SIGKILL' : 'SIGTERM')
        if (!isControl && code !== 0) throw new Error(`The service ended with ${code}: ${subject.service.output()}`)
      },
      recover: async () => {
        subject = await startSubject(url, patient)
      },
      close: async () => {
        await subject.service.end()
        await postgres.stop()
      },
    }
  },
}
