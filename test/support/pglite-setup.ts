import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import type { TestProject } from 'vitest/node'
import { migrateEmbedded } from '../../src/storage/engine/embedded.ts'

/** Migrates one database and dumps it: to migrate a new one takes seconds of CPU, to load the dump about one. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'invalidate-token-pglite-'))
  const engine = await PGlite.create()
  await migrateEmbedded(engine)
  const dump = await engine.dumpDataDir('none')
  await engine.close()
  const dumpFile = join(folder, 'migrated.tar')
  await writeFile(dumpFile, new Uint8Array(await dump.arrayBuffer()))
  project.provide('migratedDatabase', { kind: 'pglite', dumpFile })
  return () => rm(folder, { recursive: true })
}
