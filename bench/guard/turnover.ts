import { setImmediate as nextTurn } from 'node:timers/promises'
import { createGuardWithClocks } from '../../src/guard/guard.ts'
import type { GuardSource, SourceEvent } from '../../src/guard/source.ts'
import { encodeBlock, horizonSeconds } from '../../src/tokens/block.ts'
import type { Contender } from '../contender.ts'
import { heldBytes } from './memory.ts'

/** As large as those of the service. */
const idsPerPage = 15_625
const pages = 1_000_000 / idsPerPage

/** A million revocations that arrive as blocks of a snapshot, and are forgotten once the horizon has passed. */
export const turnover: Contender = {
  name: 'guard: a million revocations in and out',
  prepare: async () => undefined,
  run: async () => {
    let aheadMs = 0
    const clocks = { monotonic: () => performance.now() + aheadMs, wall: () => Date.now() + aheadMs }
    const { source, send } = createSource(() => clocks.monotonic())
    const guard = createGuardWithClocks({ source }, clocks)
    const blocks = Array.from({ length: pages }, (_, page) => pageOf(page))
    const before = heldBytes()
    await nextTurn()
    const pauses = watchPauses()
    for (const block of blocks) {
      send(block, block === blocks.at(-1))
      await nextTurn()
    }
    await until(() => guard.status.entries.tokens === pages * idsPerPage)
    aheadMs = (2 * horizonSeconds + 1) * 1000
    await until(() => {
      send(undefined, true)
      return guard.status.entries.tokens === 0
    })
    const pauseMs = pauses.stop()
    const heldMb = (heldBytes() - before) / 1e6
    await guard.close()
    return { pauseMs, heldMb }
  },
}

function pageOf(page: number): Uint8Array {
  const accessTokens = Array.from({ length: idsPerPage }, (_, place) => (page * idsPerPage + place) * 10 + 1)
  return encodeBlock([{ ageSeconds: 0, accessTokens, sessions: [], owners: [] }])
}

function createSource(now: () => number) {
  const events: SourceEvent[] = []
  let wake = () => {}
  const source: GuardSource = {
    async *follow(_after, signal) {
      signal.addEventListener('abort', () => wake())
      while (!signal.aborted) {
        const event = events.shift()
        if (event === undefined) await new Promise<void>((resolve) => (wake = resolve))
        else yield event
      }
    },
    introspect: async () => undefined,
  }
  const send = (block: Uint8Array | undefined, isComplete: boolean) => {
    events.push({ cursor: 'c', epoch: 'e', block, arrivedAt: now(), readAt: now(), hasGap: false, isComplete })
    wake()
  }
  return { source, send }
}

/** The longest time between two turns of the event loop. */
function watchPauses() {
  let longest = 0
  let isOver = false
  let last = performance.now()
  const turn = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  return {
    stop: () => {
      isOver = true
      return longest
    },
  }
}

async function until(isReached: () => boolean): Promise<void> {
  while (!isReached()) await nextTurn()
}
