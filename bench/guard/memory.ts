import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { RevocationSet } from '../../src/guard/revocation-set.ts'
import type { Contender } from '../contender.ts'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

const ids = 1_000_000
const seconds = 10_000

/** What a revocation takes, when one in `spacing` ids is revoked. */
export function createMemory(spacing: number): Contender {
  return measured(`guard: memory, ${100 / spacing} % of ids revoked`, () => {
    const set = new RevocationSet()
    for (let from = 0; from < ids; from += 10_000) {
      const accessTokens = Array.from({ length: 10_000 }, (_, place) => (from + place) * spacing + 1)
      set.add({ ageSeconds: 0, accessTokens, sessions: [], owners: [] }, seconds)
    }
    return set
  })
}

export const setOfStrings: Contender = measured('Set<string>', () => {
  const set = new Set<string>()
  for (let id = 0; id < ids; id++) set.add(`token-pair-${id * 10 + 1}`)
  return set
})

export const setOfNumbers: Contender = measured('Set<number>', () => {
  const set = new Set<number>()
  for (let id = 0; id < ids; id++) set.add(id * 10 + 1)
  return set
})

function measured(name: string, build: () => object): Contender {
  return {
    name,
    prepare: async () => undefined,
    run: async () => {
      const before = heldBytes()
      const built = build()
      const bytesEach = (heldBytes() - before) / ids
      // Held until here.
      if (Object.keys(built).length > 0) throw new Error('A set with fields')
      return { bytesEach }
    },
  }
}

/** What this process holds after a collection: objects, and the memory of typed arrays. */
export function heldBytes(): number {
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
