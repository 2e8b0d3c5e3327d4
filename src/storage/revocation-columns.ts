import { getTableColumns } from 'drizzle-orm'
import { instantOf } from './columns.ts'
import { revocations } from './schema.ts'

/** How a statement selects a row of the log. */
export const revocationColumns = { ...getTableColumns(revocations), at: instantOf(revocations.at) }
