import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

export interface Options {
  /** How many rounds each contender runs, interleaved with the others of its group. */
  readonly rounds: number
  readonly seconds: number
  /** How many pairs the tables hold in most measurements. */
  readonly pairs: number
  /** How many pairs the largest table holds, for growth and for the end of a whole realm. */
  readonly mostPairs: number
  /** Only goals whose name contains one of these; empty means all. */
  readonly only: readonly string[]
  /** The git revision to compare this checkout with, instead of the usual lines. */
  readonly against: string | undefined
  readonly jsonFile: string | undefined
  readonly markdown: boolean
  /** The folder for the CPU profiles of the service. */
  readonly profileFolder: string | undefined
}

const usage = `npm run bench -- [NAME …] [options]

  NAME             the same as --only NAME

  --quick          one short round on small tables: shows that the benchmark works, not for quoting
  --full           growth and realm-wide invalidation with 10 M pairs as well (takes about half an hour more)
  --against REV    measures this checkout beside another git revision of it, instead of beside other software
  --only NAME      only the lines whose name contains NAME; may be repeated
  --rounds N       5 by default, 10 with --against
  --seconds N      length of a round, 4 by default
  --json FILE      writes all numbers of all rounds
  --markdown       prints the tables as GitHub Markdown
  --profile DIR    writes CPU profiles of the service, and prints where the time went
`

/** @throws Error with the usage when an argument is unknown or invalid. */
export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parse(args)
  if (values.against !== undefined && (values.full === true || values.profile !== undefined))
    throw new Error(`--against measures neither with --full nor with --profile\n\n${usage}`)
  const quick = values.quick === true
  const pairs = quick ? 100_000 : 1_000_000
  return {
    rounds: wholeNumber('rounds', values.rounds, quick ? 1 : values.against === undefined ? 5 : 10),
    seconds: wholeNumber('seconds', values.seconds, quick ? 2 : 4),
    pairs,
    mostPairs: values.full === true ? 10_000_000 : pairs,
    only: [...positionals, ...(values.only ?? [])],
    against: values.against,
    jsonFile: values.json,
    markdown: values.markdown === true,
    profileFolder: values.profile === undefined ? undefined : resolve(values.profile),
  }
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const
  const yes = { type: 'boolean' } as const
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        quick: yes,
        full: yes,
        against: text,
        only: { type: 'string', multiple: true },
        rounds: text,
        seconds: text,
        json: text,
        markdown: yes,
        profile: text,
      },
    })
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
  }
}

function wholeNumber(name: string, raw: string | undefined, fallback: number): number {
  if (raw === undefined) return fallback
  if (/^[1-9]\d{0,3}$/.test(raw)) return Number(raw)
  throw new Error(`--${name} must be a whole number from 1 to 9999, got \`${raw}\`\n\n${usage}`)
}
