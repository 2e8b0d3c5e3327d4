import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const folder = new URL('../../drizzle/', import.meta.url)

export const migrationFilesPath = fileURLToPath(new URL('../../src/storage/engine/migration-files.ts', import.meta.url))

interface Journal {
  readonly entries: readonly { readonly tag: string; readonly when: number }[]
}

const header = `/**
 * The migrations: the SQL files of drizzle/ in order, each with the time at which it was written. They are code, so that a
 * bundle of this package has them.
 *
 * \`npm run sql\` writes this file.
 */
`

/** The text of the module that holds the migrations. */
export async function createMigrationFiles(): Promise<string> {
  const { entries }: Journal = JSON.parse(await readFile(new URL('meta/_journal.json', folder), 'utf8'))
  const files = await Promise.all(
    entries.map(async ({ tag, when }) => {
      const text = await readFile(new URL(`${tag}.sql`, folder), 'utf8')
      return `  {\n    name: '${tag}',\n    when: ${when},\n    text: ${JSON.stringify(text)},\n  },\n`
    }),
  )
  return `${header}export const migrationFiles = [\n${files.join('')}] as const\n`
}
