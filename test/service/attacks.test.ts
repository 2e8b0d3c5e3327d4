import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runAttacks } from '../campaigns/attacks.ts'

test('what an audit killed the service with, at a tenth of its size, refuses no honest caller', {
  timeout: 180_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'invalidate-token-attacks-'))

  const effects = await runAttacks({ DATA_DIR: join(folder, 'data') }, 0.1)

  expect(effects.filter(({ probe }) => probe.failed > 0)).toEqual([])
  expect(effects.map(({ probe }) => probe.sent).every((sent) => sent > 0)).toBe(true)
  await rm(folder, { recursive: true })
})
