import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { findPostgres } from '../../scripts/lib/postgres-binaries.ts'
import { retentionSlots } from '../../src/tokens/retention.ts'

const header = (
  major: string,
) => `-- The schema after all migrations, as pg_dump ${major} prints it, without settings and owners. Of statements that differ in
-- the number of a slot of the retention ring alone, slot 0's is kept, with a comment below it.
--
-- \`npm run sql\` writes this file.
`

/** The major version of the pg_dump that the file was written with. */
export function majorOf(schemaFile: string): string | undefined {
  return /as pg_dump (\d+) prints/.exec(schemaFile)?.[1]
}

/** Why this machine cannot print what that version would; undefined if it can. */
export function findDumpObstacle(wanted: string | undefined): string | undefined {
  const major = readMajor()
  if (major === undefined) return 'pg_dump is missing'
  if (wanted !== undefined && major !== wanted) return `pg_dump is ${major}, the file was written by ${wanted}`
  const server = findPostgres().version.split('.')[0]
  return server === major ? undefined : `pg_dump is ${major}, the server ${server}`
}

export function createSchemaFile(url: string): string {
  const options = ['--schema-only', '--no-owner', '--no-privileges', '--exclude-schema=drizzle']
  const { status, stdout, stderr } = spawnSync(findPgDump(), [...options, url], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`pg_dump failed: ${stderr}`)
  const statements = stdout
    .replaceAll(/^(--.*|SET .*|SELECT pg_catalog\..*|\\.*)\n/gm, '')
    .split(/\n{2,}/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
  return [header(readMajor() ?? ''), ...foldSlots(statements)].join('\n')
}

/** That of the server, where the server has one: it is of the same version. */
function findPgDump(): string {
  const beside = join(findPostgres().bin, 'pg_dump')
  return existsSync(beside) ? beside : 'pg_dump'
}

function readMajor(): string | undefined {
  const { status, stdout } = spawnSync(findPgDump(), ['--version'], { encoding: 'utf8' })
  return status === 0 ? /\d+/.exec(stdout)?.[0] : undefined
}

const slotNumber = /(?<=(?:token_pairs|spent_refresh_tokens)_|FOR VALUES IN \(')\d+/g

/** What is there for each slot, and differs in the slot's number alone, is kept for slot 0. */
function foldSlots(statements: readonly string[]): readonly string[] {
  const groups = new Map<string, string[]>()
  for (const statement of statements) {
    const ofFirst = statement.replaceAll(slotNumber, '0')
    groups.set(ofFirst, [...(groups.get(ofFirst) ?? []), statement])
  }
  return [...groups].flatMap(([ofFirst, group]) =>
    group.length === retentionSlots
      ? [`${ofFirst}\n-- The same for slots 1 to ${retentionSlots - 1}.\n`]
      : group.map((statement) => `${statement}\n`),
  )
}
