import fc from 'fast-check'
import { expect, test } from 'vitest'
import { commandArbitraries, compareAll, forgetAll } from '../model/commands.ts'
import { createLife } from '../model/life.ts'
import { useTestService } from '../support/service.ts'

const service = useTestService({ keepsRows: true })

/**
 * A failure prints its seed, path and replayPath. The three together repeat it:
 * `MODEL='{"seed":1,"path":"0:1","replayPath":"AB:C"}' npx vitest run test/engines/model.test.ts`.
 * `MODEL='{"numRuns":5000}'` runs more sequences.
 */
const { replayPath, ...chosen }: fc.Parameters<unknown> & { readonly replayPath?: string } = JSON.parse(
  process.env['MODEL'] ?? '{}',
)

test('after any sequence of commands every count, every refresh and every half is as the model predicts', async () => {
  let runs = 0
  const commands = fc.commands(commandArbitraries(), {
    size: 'max',
    maxCommands: 40,
    ...(replayPath !== undefined && { replayPath }),
  })
  const property = fc.asyncProperty(commands, async (sequence) => {
    const model = createLife()
    await forgetAll(service)
    await fc.asyncModelRun(() => ({ model, real: service }), sequence)
    await compareAll(model, service)
    runs++
  })

  await fc.assert(property, { numRuns: 30, ...chosen })

  expect(runs).toBeGreaterThan(0)
})
