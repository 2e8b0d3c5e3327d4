import { writeFile } from 'node:fs/promises'
import { schemaPath, statementsPath } from '../test/golden/files.ts'
import { createMigrationFiles, migrationFilesPath } from '../test/golden/migration-files.ts'
import { startPostgres } from './lib/postgres.ts'

await writeFile(migrationFilesPath, await createMigrationFiles())
// Imported only now: these modules import the file that was just written.
const { openDatabase } = await import('../src/storage/engine/open.ts')
const { createStatementsFile } = await import('../test/golden/samples.ts')
const { createSchemaFile, findDumpObstacle } = await import('../test/golden/schema.ts')

const postgres = await startPostgres()
try {
  const url = await postgres.createDatabase('golden')
  const database = await openDatabase({ kind: 'postgres', url, directUrl: url })
  const written = ['docs/sql/statements.sql']
  await writeFile(statementsPath, await createStatementsFile(database).finally(database.close))
  const obstacle = findDumpObstacle(undefined)
  if (obstacle === undefined) {
    await writeFile(schemaPath, createSchemaFile(url))
    written.push('docs/sql/schema.sql')
  } else process.stderr.write(`docs/sql/schema.sql stays as it is: ${obstacle}\n`)
  process.stdout.write(`wrote ${written.join(', ')}\n`)
} finally {
  await postgres.stop()
}
