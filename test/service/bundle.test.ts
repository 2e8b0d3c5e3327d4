import { spawn } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { version } from '../../src/version.ts'

/** What these tests use of esbuild, which `tsx` depends on. */
interface Esbuild {
  build(options: Readonly<Record<string, unknown>>): Promise<unknown>
}
const esbuild: Esbuild = createRequire(createRequire(import.meta.url).resolve('tsx/package.json'))('esbuild')

let folder: string
let postgres: RunningPostgres
let url: string
beforeAll(async () => {
  // Outside of this project, so that nothing of its node_modules is found.
  folder = await mkdtemp(join(tmpdir(), 'invalidate-token-bundle-'))
  postgres = await startPostgres()
})
afterAll(async () => {
  await postgres.stop()
  await rm(folder, { recursive: true })
})

/** A program that starts the service, asks it, and stops it. */
const program = `
  import { readConfig, startService } from '${process.cwd()}/dist/index.js'
  async function main() {
    const service = await startService(readConfig(process.env))
    const headers = { 'content-type': 'application/json', authorization: 'Basic ' + btoa('admin:' + service.newAdminSecret) }
    const ask = async (query) => (await fetch(service.url, { method: 'POST', headers, body: JSON.stringify({ query }) })).json()
    const { data } = await ask('mutation { createTokenPair(input: { realmName: "r", username: "u" }) { accessToken } }')
    const token = data.createTokenPair.accessToken
    const ended = await ask('mutation { invalidateToken(input: { token: "' + token + '" }) { invalidatedTokens } }')
    const page = await fetch(service.url, { headers: { accept: 'text/html' } })
    console.log(JSON.stringify({ ended: ended.data.invalidateToken.invalidatedTokens, page: page.status }))
    await service.stop()
  }
  main().catch((error) => {
    console.error(error.code + ': ' + error.message)
    process.exitCode = 1
  })`

type Format = 'esm' | 'cjs'

/** Dependencies in CommonJS call \`require\`, which a bundle in ESM must be given. */
const banner = {
  esm: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`,
  cjs: '',
} as const

/** Bundles a program into a folder of its own, and answers the bundle's path. */
async function bundle(format: Format, { entry = program, external = [] as readonly string[] } = {}): Promise<string> {
  const target = await mkdtemp(join(folder, `${format}-`))
  const path = join(target, format === 'esm' ? 'app.mjs' : 'app.cjs')
  await esbuild.build({
    stdin: { contents: entry, resolveDir: process.cwd() },
    bundle: true,
    platform: 'node',
    format,
    external,
    banner: { js: banner[format] },
    outfile: path,
    logLevel: 'error',
  })
  return path
}

async function run(path: string, environment: Readonly<Record<string, string>>, args: readonly string[] = []) {
  const child = spawn(process.execPath, [path, ...args], {
    cwd: dirname(path),
    env: { PATH: process.env['PATH'], PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { stdout, stderr }
}

const works = { stdout: '{"ended":1,"page":200}\n', stderr: '' }

/** The files that docs/module.md names. */
const files = ['pglite.wasm', 'initdb.wasm', 'pglite.data']
const pglite = 'node_modules/@electric-sql/pglite'

describe.each<Format>(['esm', 'cjs'])('bundled by esbuild in the format %s', (format) => {
  test('the service starts on PostgreSQL with nothing beside the bundle', async () => {
    url = await postgres.createDatabase(`bundled_${format}`)
    const path = await bundle(format)

    expect(await run(path, { DATABASE_URL: url })).toEqual(works)
    expect(await readdir(dirname(path))).toHaveLength(1)
  })

  test('the service starts on the embedded database if PGlite is left out and installed', async () => {
    const path = await bundle(format, { external: ['@electric-sql/pglite'] })
    await mkdir(join(dirname(path), 'node_modules/@electric-sql'), { recursive: true })
    await symlink(join(process.cwd(), pglite), join(dirname(path), pglite))

    expect(await run(path, { DATA_DIR: 'data' })).toEqual(works)
  })

  test('the command line works', async () => {
    const entry = `import { run } from '${process.cwd()}/dist/commands/program.js'; run(process.argv.slice(2))`
    const path = await bundle(format, { entry })
    const environment = { DATABASE_URL: await postgres.createDatabase(`bundled_command_${format}`) }

    expect((await run(path, {}, ['--version'])).stdout).toBe(`${version}\n`)
    expect((await run(path, environment, ['migrate'])).stdout).toContain('Applied to PostgreSQL at ')
  })
})

test('in ESM the service starts on the embedded database if the three files are beside the bundle, and says so if not', async () => {
  const path = await bundle('esm')

  const { stderr } = await run(path, { DATA_DIR: 'data' })
  for (const name of files) await copyFile(join(pglite, 'dist', name), join(dirname(path), name))

  expect(stderr).toBe(
    `ERR_CONFIGURATION: The embedded database needs three files beside the bundle: copy ${files.join(', ')} from node_modules/@electric-sql/pglite/dist to ${dirname(path)}, or set DATABASE_URL.\n`,
  )
  expect(await run(path, { DATA_DIR: 'data' })).toEqual(works)
})

test('in CommonJS a bundle that contains PGlite says that it must be left out', async () => {
  const { stderr } = await run(await bundle('cjs'), { DATA_DIR: 'data' })

  expect(stderr).toMatch(/^ERR_CONFIGURATION: PGlite does not run in a bundle in CommonJS: leave the package [^\n]*\n$/)
})
