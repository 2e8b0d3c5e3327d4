import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import type { TestProject } from 'vitest/node'
import { migrateEmbedded } from '../../src/storage/engine/embedded.ts'

/** A migrated engine, dumped once: a fresh one costs seconds of CPU, loading this about one. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'invalidate-token-pglite-'))
  const engine = await PGlite.create()
  await migrateEmbedded(engine)
  const dump = await engine.dumpDataDir('none')
  await engine.close()
  const path = join(folder, 'migrated.tar')
  await writeFile(path, new Uint8Array(await dump.arrayBuffer()))
  project.provide('engine', { kind: 'pglite', path })
  return () => rm(folder, { recursive: true })
}
