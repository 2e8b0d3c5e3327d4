import { parseArgs } from 'node:util'

export interface Options {
  readonly rounds: number
  readonly seed: number
  /** The subject: the service, the service without locks, or a control. The referee must catch all but the first. */
  readonly against: 'service' | 'unlocked' | 'naive' | 'careful'
}

const usage = 'npm run races -- [--rounds 1000] [--seed 1] [--against service|unlocked|naive|careful]'

/** @throws Error for an unknown option or value */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '1000' },
      seed: { type: 'string', default: String(Date.now() % 1e9) },
      against: { type: 'string', default: 'service' },
    },
  })
  const { against } = values
  if (against !== 'service' && against !== 'unlocked' && against !== 'naive' && against !== 'careful')
    throw new Error(`Expected --against to be service, unlocked, naive or careful, got ${against}\n${usage}`)
  return { rounds: readCount('rounds', values.rounds), seed: readCount('seed', values.seed), against }
}

function readCount(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`Expected --${name} to be a whole number, got ${text}\n${usage}`)
  return Number(text)
}
