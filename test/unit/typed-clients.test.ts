import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { ResultOf, VariablesOf } from '@graphql-typed-document-node/core'
import { expect, expectTypeOf, test, vi } from 'vitest'
import { generateOperations } from '../../examples/frontend/codegen.ts'
import type {
  LogOutDeviceDocument,
  LogOutOthersDocument,
  RealmUserInput,
  RefreshPairDocument,
} from '../../examples/frontend/operations.ts'

const run = promisify(execFile)

test('examples/frontend/operations.ts agrees with operations.graphql and schema.graphql (npm run codegen writes it)', async () => {
  const complaints = [vi.spyOn(console, 'warn'), vi.spyOn(console, 'error')]

  const generated = await generateOperations()

  expect(generated).toBe(await readFile('examples/frontend/operations.ts', 'utf8'))
  for (const complaint of complaints) expect(complaint).not.toHaveBeenCalled()
})

test('the frontend examples compile for a browser, without Node', async () => {
  const { stdout } = await run('node_modules/.bin/tsc', ['--project', 'examples/frontend'])

  expect(stdout).toBe('')
})

test('an operation has the types of its variables and its answer (tsc checks this)', () => {
  expectTypeOf<VariablesOf<typeof LogOutOthersDocument>>().toEqualTypeOf<{ owner: RealmUserInput }>()
  expectTypeOf<{ device: string }>().not.toExtend<VariablesOf<typeof LogOutDeviceDocument>>()
  expectTypeOf<ResultOf<typeof RefreshPairDocument>['refreshTokenPair']['__typename']>().toEqualTypeOf<
    'TokenPair' | 'RefreshTokenRejected'
  >()
})
