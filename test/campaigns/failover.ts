import { setTimeout as sleep } from 'node:timers/promises'
import { type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { until } from '../../scripts/lib/processes.ts'
import { addClients, startSubject } from '../races/http.ts'
import { startProxy } from '../support/proxy.ts'
import type { Campaign } from './campaign.ts'
import { patient } from './crash.ts'
import { promote, requireStandby, startStandby, walReceiverOf } from './standby.ts'

const name = 'failover'

/** The primary is killed with all its processes, and its standby is promoted. A new standby is made for the next run. */
export const failover: Campaign = {
  description: 'kill -9 of the primary under load, and promotion of its synchronous standby',
  control: 'the standby is asynchronous, and lags by a fraction of a second',
  open: async ({ isControl }) => {
    let primary = await startPostgres()
    const proxy = await startProxy(await primary.createDatabase(name))
    const subject = await startSubject(proxy.url, patient)
    await addClients(urlOf(primary))
    let standby = await startStandby(primary)
    if (!isControl) await requireStandby(primary)
    return {
      subject: () => subject,
      disturb: async () => {
        const receiver = await walReceiverOf(standby)
        if (isControl) await pause(receiver)
        await primary.kill()
        if (isControl) endUnread(receiver)
        await promote(standby)
        proxy.retarget(urlOf(standby))
      },
      recover: async () => {
        const former = primary
        primary = standby
        // The promoted server is set to wait for a standby, so nothing commits before there is one.
        standby = await startStandby(primary)
        await former.stop()
        const isReady = async () => (await fetch(new URL('/ready', subject.service.url))).status === 200
        if (!(await until(isReady, 60))) throw new Error(`Not ready: ${subject.service.output()}`)
      },
      close: async () => {
        await subject.service.end()
        proxy.close()
        await standby.stop()
        await primary.stop()
      },
    }
  },
}

function urlOf({ url }: RunningPostgres): string {
  return Object.assign(new URL(url), { pathname: `/${name}` }).href
}

/** Ends a paused receiver before it reads what the network still holds for it. */
function endUnread(receiver: number): void {
  process.kill(receiver, 'SIGTERM')
  process.kill(receiver, 'SIGCONT')
}

/** The standby receives nothing, while the primary goes on. */
async function pause(receiver: number): Promise<void> {
  process.kill(receiver, 'SIGSTOP')
  await sleep(300)
}
