import { fileURLToPath } from 'node:url'

/** What `npm run sql` writes, and the tests compare. */
export const statementsPath = fileURLToPath(new URL('../../docs/sql/statements.sql', import.meta.url))
export const schemaPath = fileURLToPath(new URL('../../docs/sql/schema.sql', import.meta.url))
