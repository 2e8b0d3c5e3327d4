import { writeFile } from 'node:fs/promises'
import { openDatabase } from '../src/storage/engine/open.ts'
import { schemaPath, statementsPath } from '../test/golden/files.ts'
import { createStatementsFile } from '../test/golden/samples.ts'
import { createSchemaFile, findDumpObstacle } from '../test/golden/schema.ts'
import { startPostgres } from './lib/postgres.ts'

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
