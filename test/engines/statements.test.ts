import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { databaseClock } from '../../src/storage/engine/database.ts'
import { statementsPath } from '../golden/files.ts'
import { createStatementsFile } from '../golden/samples.ts'
import { openTestService, type TestService } from '../support/service.ts'

let service: TestService
beforeAll(async () => {
  service = await openTestService()
})
afterAll(() => service.close())

test('docs/sql/statements.sql has each statement as it is sent (`npm run sql` writes it anew)', async () => {
  const written = await readFile(statementsPath, 'utf8')

  expect(await createStatementsFile({ ...service.database, clock: databaseClock })).toBe(written)
})
