import { access, readFile } from 'node:fs/promises'
// As a whole: many bundles begin with an import of `createRequire`, and a second one of that name would not be valid.
import * as nodeModule from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PGliteOptions } from '@electric-sql/pglite'
import { TokenServiceError } from '../../tokens/errors.ts'

type PgliteFiles = Pick<PGliteOptions, 'pgliteWasmModule' | 'initdbWasmModule' | 'fsBundle'>

/** What of PGlite is not JavaScript, so that no bundler takes it along. */
const names = ['pglite.wasm', 'initdb.wasm', 'pglite.data'] as const

/**
 * The files of PGlite, for a bundle of this package: those beside the bundle, or else those of the package
 * `@electric-sql/pglite`, if it is installed there. Nothing if this is not a bundle: PGlite then finds them itself.
 *
 * (If PGlite itself does not find a file, the promise that rejects is one that it does not wait for, and the process ends.)
 *
 * @throws TokenServiceError ERR_CONFIGURATION: they are missing
 */
export async function readPgliteFiles(): Promise<PgliteFiles> {
  // A bundle in CommonJS has no `import.meta.url`, unless the bundler was told to define it.
  const isCommonJs = typeof __filename === 'string' && !import.meta.url
  const file = isCommonJs ? __filename : fileURLToPath(import.meta.url)
  if (/[/\\]storage[/\\]engine[/\\]pglite-files\.[jt]s$/.test(file)) return {}
  const installed = resolveFrom(file)
  if (isCommonJs && !isLoaded(file, installed))
    throw wrong(
      'PGlite does not run in a bundle in CommonJS: leave the package @electric-sql/pglite out of the bundle and install it, make the bundle in ESM, or set DATABASE_URL.',
    )
  for (const folder of [dirname(file), ...(installed === undefined ? [] : [dirname(installed)])])
    if (await holdsAll(folder)) return readFrom(folder)
  throw wrong(
    `The embedded database needs three files beside the bundle: copy ${names.join(', ')} from node_modules/@electric-sql/pglite/dist to ${dirname(file)}, or set DATABASE_URL.`,
  )
}

/** The entry of the package, as a bundle at that place would load it; undefined if it is not installed there. */
function resolveFrom(file: string): string | undefined {
  try {
    return nodeModule.createRequire(file).resolve('@electric-sql/pglite')
  } catch {
    return undefined
  }
}

/** Whether the bundle has loaded the package, and so does not contain it. */
function isLoaded(file: string, installed: string | undefined): boolean {
  return installed !== undefined && nodeModule.createRequire(file).cache[installed] !== undefined
}

function wrong(message: string): TokenServiceError {
  return new TokenServiceError('ERR_CONFIGURATION', message)
}

async function holdsAll(folder: string): Promise<boolean> {
  const found = await Promise.allSettled(names.map((name) => access(join(folder, name))))
  return found.every(({ status }) => status === 'fulfilled')
}

async function readFrom(folder: string): Promise<PgliteFiles> {
  const [engine, creator, data] = await Promise.all(names.map((name) => readFile(join(folder, name))))
  if (engine === undefined || creator === undefined || data === undefined) return {}
  const [pgliteWasmModule, initdbWasmModule] = await Promise.all([
    WebAssembly.compile(engine),
    WebAssembly.compile(creator),
  ])
  return { pgliteWasmModule, initdbWasmModule, fsBundle: new Blob([data]) }
}
