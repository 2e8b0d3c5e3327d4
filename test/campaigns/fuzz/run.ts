import fc from 'fast-check'
import type { FuzzInput, FuzzRequest } from './input.ts'
import { createJudge, type Judge } from './oracle.ts'
import { randomInput } from './random.ts'
import type { FuzzService, Send } from './service.ts'

/** An input that the service did wrong at. */
interface Finding {
  readonly class: string
  readonly caller: string
  readonly faults: readonly string[]
  /** As it was sent; of a random input, the smallest one that fails. */
  readonly request: FuzzRequest
}

/** Of each class: how many inputs were answered with which family of status. */
type Counts = Record<string, number>

export interface FuzzReport {
  readonly classes: Map<string, Counts>
  readonly findings: Finding[]
}

export interface FuzzOptions {
  readonly fixed: readonly FuzzInput[]
  readonly random: number
  readonly seed: number
  /** Stands between the inputs and the service: a control breaks something there. */
  readonly send?: Send
  /** After so many findings it stops. */
  readonly mostFindings?: number
}

/** Sends all fixed inputs, then random ones, one after the other. */
export async function fuzz(service: FuzzService, options: FuzzOptions): Promise<FuzzReport> {
  const { fixed, random, seed, send, mostFindings = 20 } = options
  const report: FuzzReport = { classes: new Map(), findings: [] }
  const judge = counting(createJudge(service, send), report)
  for (const input of fixed) {
    const { faults, request } = await judge(input)
    if (faults.length > 0) report.findings.push({ class: input.class, caller: input.caller, faults, request })
    if (report.findings.length >= mostFindings) return report
  }
  for (let done = 0, round = 0; done < random && report.findings.length < mostFindings; round++) {
    const { numRuns, found } = await checkRandom(judge, { seed: seed + round, numRuns: random - done })
    done += numRuns
    if (found !== undefined) report.findings.push(found)
  }
  if (!(await service.innocentsLive()))
    report.findings.push({
      class: 'at the end',
      caller: '',
      faults: ['an innocent session has ended'],
      request: nothing,
    })
  return report
}

const nothing: FuzzRequest = { method: '', path: '', headers: {} }

/** Until one input fails, and then with smaller ones. Answers the last that failed. */
async function checkRandom(judge: Judge, parameters: { readonly seed: number; readonly numRuns: number }) {
  let found: Finding | undefined
  const property = fc.asyncProperty(randomInput, async (input) => {
    const { faults, request } = await judge(input)
    if (faults.length > 0) found = { class: input.class, caller: input.caller, faults, request }
    return faults.length === 0
  })
  const { numRuns } = await fc.check(property, parameters)
  return { numRuns, found }
}

function counting(judge: Judge, { classes }: FuzzReport): Judge {
  return async (input) => {
    const judgement = await judge(input)
    const counts = classes.get(input.class) ?? {}
    const family = judgement.status === undefined ? 'not sendable' : `${Math.floor(judgement.status / 100)}xx`
    counts[family] = (counts[family] ?? 0) + 1
    classes.set(input.class, counts)
    return judgement
  }
}
