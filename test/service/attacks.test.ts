import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runAttacks, withoutLimits } from '../campaigns/attacks.ts'

test('what an audit killed the service with, at a tenth of its size, refuses no honest caller', {
  timeout: 180_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'invalidate-token-attacks-'))

  const effects = await runAttacks(
    { DATA_DIR: join(folder, 'data') },
    { scale: 0.1, only: (attack) => !attack.startsWith('none') },
  )

  expect(effects.filter(({ probe, hasDied }) => probe.failed > 0 || hasDied)).toEqual([])
  expect(effects.map(({ probe }) => probe.sent).every((sent) => sent > 0)).toBe(true)
  await rm(folder, { recursive: true })
})

test('a service without limits is ended by it', { timeout: 180_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'invalidate-token-attacks-'))

  const effects = await runAttacks(
    { DATA_DIR: join(folder, 'data'), ...withoutLimits },
    { scale: 1, only: (attack) => attack.startsWith('lists within lists, three levels') },
  )

  expect(effects.map(({ hasDied }) => hasDied)).toEqual([true])
  await rm(folder, { recursive: true })
})
