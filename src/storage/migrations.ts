import { fileURLToPath } from 'node:url'

/** Where the migrations are: from src/storage and from dist/storage alike. */
export const migrationsFolder = fileURLToPath(new URL('../../drizzle', import.meta.url))
