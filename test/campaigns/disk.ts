import { execFileSync } from 'node:child_process'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { startPostgres } from '../../scripts/lib/postgres.ts'
import { until } from '../../scripts/lib/processes.ts'
import { addClients, startSubject } from '../races/http.ts'
import type { Campaign } from './campaign.ts'
import { patient } from './crash.ts'

/** Only root may mount a file system. */
export const isMountRefused = process.getuid?.() !== 0

/** The disk of PostgreSQL is filled up to the last byte under load, and freed. */
export const disk: Campaign = {
  description: 'the disk of PostgreSQL is full',
  control: 'a revocation for which there is no space is dropped without an error',
  open: async ({ isControl }) => {
    const below = await mkdtemp(join(tmpdir(), 'invalidate-token-full-'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=150m,mode=755', 'tmpfs', below])
    const settings = { fsync: 'on', min_wal_size: '32MB', max_wal_size: '48MB' }
    const postgres = await startPostgres({ settings, below })
    const url = await postgres.createDatabase('disk')
    const subject = await startSubject(url, patient)
    await addClients(url)
    if (isControl) await dropWhatHasNoSpace(url)
    const filling = join(below, 'filling')
    return {
      subject: () => subject,
      disturb: async (random) => {
        await fill(filling)
        await sleep(random.between(200, 2_000))
      },
      recover: async () => {
        await rm(filling)
        // A server that could not write its log has ended.
        await postgres.restart()
        const isReady = async () => (await fetch(new URL('/ready', subject.service.url))).status === 200
        if (!(await until(isReady, 60))) throw new Error(`Not ready: ${subject.service.output()}`)
      },
      close: async () => {
        await subject.service.end()
        await postgres.stop()
        execFileSync('umount', [below])
        await rm(below, { recursive: true })
      },
    }
  },
}

/** Each revocation takes a page of its own beside, and is dropped if there is none. */
async function dropWhatHasNoSpace(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`create table pages (filling text);
    alter table pages alter column filling set storage plain;
    create function take_page() returns trigger language plpgsql as $$
    begin
      insert into pages values (repeat('x', 8000));
      return new;
    exception when disk_full then return null;
    end $$;
    create trigger takes_page before insert on revocations for each row execute function take_page()`)
  await client.end()
}

async function fill(path: string): Promise<void> {
  const file = await open(path, 'w')
  try {
    for (const size of [1024 * 1024, 4096])
      for (;;) {
        const { bytesWritten } = await file.write(Buffer.alloc(size)).catch(() => ({ bytesWritten: 0 }))
        if (bytesWritten === 0) break
      }
  } finally {
    await file.close()
  }
}
