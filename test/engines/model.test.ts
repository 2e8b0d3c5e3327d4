import fc from 'fast-check'
import { expect, test } from 'vitest'
import { commandArbitraries, compareAll, forgetAll } from '../model/commands.ts'
import { createLife } from '../model/life.ts'
import { useTestService } from '../support/service.ts'

const service = useTestService({ keepsRows: true })

/**
 * A failure prints its seed, path and replayPath, all three of which repeat it:
 * `MODEL='{"seed":1,"path":"0:1","replayPath":"AB:C"}' npx vitest run test/engines/model.test.ts`; and
 * `MODEL='{"numRuns":5000}'` runs more.
 */
const { replayPath, ...chosen }: fc.Parameters<unknown> & { readonly replayPath?: string } = JSON.parse(
  process.env['MODEL'] ?? '{}',
)

test('a token lives as the model says: every count, every refresh, every half, whatever happens to it', async () => {
  let runs = 0
  const commands = fc.commands(commandArbitraries(), {
    size: 'max',
    maxCommands: 40,
    ...(replayPath !== undefined && { replayPath }),
  })
  const property = fc.asyncProperty(commands, async (life) => {
    const model = createLife()
    await forgetAll(service)
    await fc.asyncModelRun(() => ({ model, real: service }), life)
    await compareAll(model, service)
    runs++
  })

  await fc.assert(property, { numRuns: 30, ...chosen })

  expect(runs).toBeGreaterThan(0)
})
