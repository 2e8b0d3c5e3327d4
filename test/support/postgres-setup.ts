import type { TestProject } from 'vitest/node'
import { startPostgres } from '../../scripts/lib/postgres.ts'
import { describePostgres } from '../../scripts/lib/postgres-binaries.ts'
import { migratePostgres } from '../../src/storage/engine/postgres-migration.ts'

/** Starts a real server for the whole run, with a migrated database that each test file copies. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  process.stdout.write(`${describePostgres()}\n`)
  const postgres = await startPostgres()
  await migratePostgres(await postgres.createDatabase('migrated'))
  project.provide('migratedDatabase', { kind: 'postgres', serverUrl: postgres.url, template: 'migrated' })
  return () => postgres.stop()
}
