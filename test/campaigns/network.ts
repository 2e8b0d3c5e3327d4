import { setTimeout as sleep } from 'node:timers/promises'
import { startPostgres } from '../../scripts/lib/postgres.ts'
import { until } from '../../scripts/lib/processes.ts'
import { addClients, startSubject } from '../races/http.ts'
import { startProxy } from '../support/proxy.ts'
import type { Campaign } from './campaign.ts'
import { patient } from './crash.ts'

/**
 * The network between the service and PostgreSQL: cut for seconds, answers lost after the commit, connections reset. And
 * a server that is stopped (SIGSTOP) and goes on.
 */
export const network: Campaign = {
  description:
    'the network to PostgreSQL is cut, loses answers, or resets connections; or PostgreSQL is stopped for a while',
  control: 'the repetition of a refresh whose answer was lost is taken for a reuse: no grace period',
  open: async ({ isControl }) => {
    const postgres = await startPostgres()
    const directUrl = await postgres.createDatabase('network')
    const proxy = await startProxy(directUrl)
    const environment = isControl ? { REFRESH_GRACE_SECONDS: '0' } : patient
    const subject = await startSubject(proxy.url, environment)
    await addClients(directUrl)
    return {
      subject: () => subject,
      disturb: async (random) => {
        const kind = isControl ? 'lose' : random.pick(['cut', 'lose', 'lose', 'reset', 'stop'])
        if (kind === 'cut') {
          proxy.cut()
          await sleep(random.between(100, 1_000))
        } else if (kind === 'reset') proxy.reset()
        else if (kind === 'stop') {
          const goOn = await postgres.pause()
          await sleep(random.between(100, 4_000))
          goOn()
        } else
          for (let answers = 0; answers < 20; answers++) {
            proxy.dropAnswer()
            await sleep(random.between(1, 20))
          }
        proxy.heal()
      },
      recover: async () => {
        const isReady = async () => (await fetch(new URL('/ready', subject.service.url))).status === 200
        if (!(await until(isReady, 60))) throw new Error(`Not ready: ${subject.service.output()}`)
      },
      close: async () => {
        await subject.service.end()
        proxy.close()
        await postgres.stop()
      },
    }
  },
}
