import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '../../scripts/lib/postgres.ts'
import { until } from '../../scripts/lib/processes.ts'
import { openDatabase } from '../../src/storage/engine/open.ts'
import { deleteExpired } from '../../src/storage/retention.ts'
import { addClients, startSubject } from '../races/http.ts'
import type { Campaign } from './campaign.ts'
import { patient } from './crash.ts'

const library = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1'

/** Reason for a skip: libfaketime is not an npm package. .ci/run installs Debian's, so CI never skips. */
export const isFaketimeMissing = !existsSync(library)

const hours = 3_600

/** The clock of the service's machine is set wrong while it runs, and is wrong when it starts again. */
export const clock: Campaign = {
  description: 'the clock of the service steps by 25 hours or 31 days, forwards and back, also over a restart',
  control: 'retention goes by the wrong clock alone',
  allKnown: true,
  open: async ({ isControl }) => {
    if (isFaketimeMissing) throw new Error('This campaign needs libfaketime: apt-get install libfaketime')
    const folder = await mkdtemp(join(tmpdir(), 'invalidate-token-clock-'))
    const file = join(folder, 'time')
    const step = (seconds: number) => writeFile(file, `${seconds < 0 ? '' : '+'}${seconds}\n`)
    await step(0)
    const postgres = await startPostgres()
    const url = await postgres.createDatabase('clock')
    const start = () =>
      startSubject(url, {
        ...patient,
        LD_PRELOAD: library,
        FAKETIME_TIMESTAMP_FILE: file,
        FAKETIME_NO_CACHE: '1',
        // Node ends itself when the monotonic clock steps back.
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      })
    let subject = await start()
    await addClients(url)
    return {
      subject: () => subject,
      disturb: async (random) => {
        const skew = random.pick([25 * hours, -25 * hours, 31 * 24 * hours])
        await step(skew)
        await subject.service.end()
        if (isControl) return retainBy(url, 31 * 24 * hours)
        subject = await start()
        // Its first round of retention begins at its start.
        const isSaid = () => subject.service.output().includes('"event":"clock_skewed"')
        if (!(await until(isSaid))) throw new Error(`No event: ${subject.service.output()}`)
      },
      recover: async () => {
        await step(0)
        await subject.service.end()
        subject = await start()
      },
      close: async () => {
        await subject.service.end()
        await postgres.stop()
        await rm(folder, { recursive: true })
      },
    }
  },
}

/** What retention did before it compared the clocks. */
async function retainBy(url: string, skew: number): Promise<void> {
  const database = await openDatabase({ kind: 'postgres', url, directUrl: url })
  const wrong = () => new Date(Date.now() + skew * 1_000)
  await deleteExpired({ ...database, time: { ...database.time, now: wrong } }, { revocationDays: 30, clock: wrong })
  await database.close()
}
