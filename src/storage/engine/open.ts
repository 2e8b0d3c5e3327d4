import type { Database, DatabaseLocation, DatabaseOptions } from './database.ts'

/**
 * Opens the database and brings its tables up to date. The caller must close it. Only the engine that `location` names
 * is loaded.
 *
 * @throws TokenServiceError ERR_DATA_DIR_IN_USE: another process has the embedded folder open; ERR_CONFIGURATION: no
 * database can be opened with these settings; ERR_DATABASE_RESTORED: it was restored from a backup or copied;
 * ERR_STORAGE_UNAVAILABLE
 */
export async function openDatabase(location: DatabaseLocation, options: DatabaseOptions = {}): Promise<Database> {
  switch (location.kind) {
    case 'embedded':
      return (await import('./embedded.ts')).openEmbedded(location.folder, options)
    case 'postgres':
      return (await import('./postgres.ts')).openPostgres(location, options)
    default:
      return location satisfies never
  }
}
