import type { Contender } from '../contender.ts'
import { lazy, type Stage } from '../stage.ts'
import type { TokenDatabases } from './databases.ts'

/** What a live pair takes on disk: all partitions with all indexes, over the number of rows. */
export function createStorage(stage: Stage, databases: TokenDatabases): Contender {
  const opened = lazy(() => databases.copy('storage', stage.options.pairs))
  return {
    name: 'storage',
    prepare: opened,
    run: async () => {
      const { client, pairs } = await opened()
      const { rows } = await client.query<{ bytes: string }>(
        `select sum(pg_total_relation_size(relid)) as bytes from pg_partition_tree('token_pairs')`,
      )
      return { bytes: Number(rows[0]?.bytes) / pairs }
    },
  }
}
