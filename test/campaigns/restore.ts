import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { startPostgres } from '../../scripts/lib/postgres.ts'
import { addClients, startSubject } from '../races/http.ts'
import { dump, missingTools, restore as restoreDump } from '../support/postgres-tools.ts'
import { runCommand } from '../support/process.ts'
import type { Campaign } from './campaign.ts'
import { patient } from './crash.ts'

export const isDumpMissing = missingTools.includes('pg_dump') || missingTools.includes('pg_restore')

/**
 * A backup is made under load. A while later the database is lost, and the backup is restored: what was ended in between
 * is live in it. The operator runs `restored`, without which the service does not start.
 */
export const restore: Campaign = {
  description: 'the database is lost, and an older backup is restored',
  control: 'the restore is not noticed',
  endsAll: true,
  open: async ({ isControl }) => {
    const postgres = await startPostgres()
    const folder = await mkdtemp(join(tmpdir(), 'invalidate-token-backup-'))
    const file = join(folder, 'backup')
    let count = 0
    let url = await postgres.createDatabase(`restore_${count}`)
    let subject = await startSubject(url, patient)
    await addClients(url)
    return {
      subject: () => subject,
      disturb: async (random) => {
        await dump(url, file)
        await sleep(random.between(100, 1_000))
        await subject.service.end('SIGKILL')
      },
      recover: async () => {
        await postgres.dropDatabase(`restore_${count}`)
        url = await postgres.createDatabase(`restore_${++count}`)
        await restoreDump(url, file)
        if (isControl) await forgetIdentity(url)
        else await completeRestore(url)
        subject = await startSubject(url, patient)
      },
      close: async () => {
        await subject.service.end()
        await postgres.stop()
        await rm(folder, { recursive: true })
      },
    }
  },
}

async function completeRestore(url: string): Promise<void> {
  const { code, stderr } = await runCommand(['restored'], { DATABASE_URL: url })
  if (code !== 0) throw new Error(`\`restored\` ended with ${code}: ${stderr}`)
}

async function forgetIdentity(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('delete from database_identity')
  await client.end()
}
