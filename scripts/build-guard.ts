import { execFileSync } from 'node:child_process'
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'

/**
 * Builds the package `invalidate-token-guard` into `packages/guard/dist`: one file of JavaScript for `import` and one for
 * `require`, each with its types.
 */

const folder = 'packages/guard'
const dist = join(folder, 'dist')
const entryTypes = 'guard/standalone.d.ts'

await rm(dist, { recursive: true, force: true })
// The comments stand in the types, where editors show them.
compile(['--emitDeclarationOnly', '--outDir', join(dist, 'types')])
compile(['--declaration', 'false', '--removeComments', '--outDir', join(dist, 'js')])
const types = await readReachable(join(dist, 'types'), entryTypes)
for (const [format, type] of [
  ['esm', 'module'],
  ['cjs', 'commonjs'],
] as const) {
  const target = join(dist, format)
  await build({
    entryPoints: [join(dist, 'js/guard/standalone.js')],
    bundle: true,
    format,
    platform: 'node',
    target: 'node20.19',
    external: ['graphql'],
    minifySyntax: true,
    outfile: join(target, 'index.js'),
    logLevel: 'warning',
  })
  await write(join(target, 'package.json'), `${JSON.stringify({ type })}\n`)
  for (const [path, text] of types) await write(join(target, 'types', path), text)
}
for (const name of ['types', 'js']) await rm(join(dist, name), { recursive: true })
for (const name of ['LICENSE', 'CHANGELOG.md']) await copyFile(name, join(folder, name))

function compile(options: readonly string[]): void {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
  execFileSync(process.execPath, [tsc, '-p', folder, ...options], { stdio: 'inherit' })
}

/** The declarations that an entry needs. The compiler writes those of everything that the source imports. */
async function readReachable(root: string, entry: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  const waiting = [entry]
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (found.has(path)) continue
    const text = await readFile(join(root, path), 'utf8')
    // Compilers before TypeScript 5 find no declaration for an import of `.ts`.
    found.set(path, text.replaceAll(/(from '|import\(')(\.[^']+)\.ts'/g, "$1$2.js'"))
    for (const [, imported = ''] of text.matchAll(/(?:from|import\() ?['"](\.[^'"]+)\.ts['"]/g))
      waiting.push(join(dirname(path), `${imported}.d.ts`))
  }
  return found
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
}
