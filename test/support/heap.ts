import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

/** How many megabytes more are in use after `run` than before, without what can be collected. */
export async function heapGrowth(run: () => unknown): Promise<number> {
  collect()
  const before = process.memoryUsage().heapUsed
  await run()
  collect()
  return (process.memoryUsage().heapUsed - before) / 1e6
}
