import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { schemaPath } from '../golden/files.ts'
import { createSchemaFile, findDumpObstacle, majorOf } from '../golden/schema.ts'
import { openTestService, type TestService } from '../support/service.ts'

let service: TestService
beforeAll(async () => {
  service = await openTestService()
})
afterAll(() => service.close())

const written = readFileSync(schemaPath, 'utf8')
const obstacle = findDumpObstacle(majorOf(written))

test.skipIf(obstacle !== undefined)(
  `docs/sql/schema.sql is the schema after all migrations (${obstacle ?? '`npm run sql` writes it anew'})`,
  () => {
    expect(createSchemaFile(service.url ?? expect.unreachable())).toBe(written)
  },
)
