import { parseArgs } from 'node:util'
import { type CampaignName, campaigns } from './campaigns.ts'

export interface Options {
  readonly name: CampaignName
  readonly runs: number
  readonly seed: number
  readonly operations: number
  readonly isControl: boolean
}

const usage = `npm run campaign -- ${Object.keys(campaigns).join('|')} [--runs 10] [--operations 200] [--seed 1] [--control]`

/** @throws Error for an unknown campaign, option or value */
export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      runs: { type: 'string', default: '10' },
      operations: { type: 'string', default: '200' },
      seed: { type: 'string', default: String(Date.now() % 1e9) },
      control: { type: 'boolean', default: false },
    },
  })
  const [name = ''] = positionals
  if (!isCampaign(name)) throw new Error(`Expected one of ${Object.keys(campaigns).join(', ')}, got ${name}\n${usage}`)
  return {
    name,
    runs: readCount('runs', values.runs),
    seed: readCount('seed', values.seed),
    operations: readCount('operations', values.operations),
    isControl: values.control,
  }
}

function isCampaign(name: string): name is CampaignName {
  return Object.hasOwn(campaigns, name)
}

function readCount(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`Expected --${name} to be a whole number, got ${text}\n${usage}`)
  return Number(text)
}
