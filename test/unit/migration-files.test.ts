import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { createMigrationFiles, migrationFilesPath } from '../golden/migration-files.ts'

test('src/storage/engine/migration-files.ts has the migrations of drizzle/ (`npm run sql` writes it anew)', async () => {
  const written = await readFile(migrationFilesPath, 'utf8')

  expect(await createMigrationFiles()).toBe(written)
})
