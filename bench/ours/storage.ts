import type { Contender } from '../contender.ts'
import { type BenchContext, lazy } from '../context.ts'
import type { TokenDatabases } from './databases.ts'

/** The disk space of a live pair: of all partitions with all indexes, divided by the number of rows. */
export function createStorage(context: BenchContext, databases: TokenDatabases): Contender {
  const opened = lazy(() => databases.create('storage', context.options.pairs))
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
