import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { runInNewContext } from 'node:vm'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { build } from 'esbuild'
import { publint } from 'publint'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningService, startProcess } from '../support/process.ts'

const run = promisify(execFile)

let folder: string
let tarball: string
let packed: readonly { readonly path: string; readonly size: number }[]
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'invalidate-token-guard-package-'))
  const { stdout } = await run('npm', ['pack', './packages/guard', '--json', `--pack-destination=${folder}`])
  const [{ filename, files }] = JSON.parse(stdout.slice(stdout.indexOf('[')))
  packed = files
  tarball = join(folder, filename)
  await writeFile(join(folder, 'package.json'), '{ "private": true }')
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], { cwd: folder })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('the package holds one program for import and one for require, and its types', () => {
  const paths = packed.map(({ path }) => path)

  expect(paths.filter((path) => !/^dist\/(esm|cjs)\/types\/guard\/[\w-]+\.d\.ts$/.test(path)).toSorted()).toEqual([
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'dist/cjs/index.js',
    'dist/cjs/package.json',
    'dist/esm/index.js',
    'dist/esm/package.json',
    'package.json',
  ])
})

test('a gateway loads at most 60 kB of JavaScript', () => {
  for (const format of ['esm', 'cjs']) {
    const { size = Number.NaN } = packed.find(({ path }) => path === `dist/${format}/index.js`) ?? {}
    expect(size, format).toBeLessThanOrEqual(60_000)
  }
})

test('the package installs nothing else, and has the version and the Node versions of the service', async () => {
  const read = async (path: string) => JSON.parse(await readFile(path, 'utf8'))
  const [own, service, lock] = await Promise.all([
    read('packages/guard/package.json'),
    read('package.json'),
    read(join(folder, 'package-lock.json')),
  ])

  expect(Object.keys(lock.packages)).toEqual(['', 'node_modules/invalidate-token-guard'])
  expect(own).toMatchObject({ version: service.version, engines: service.engines })
  expect(own.peerDependencies).toEqual(service.peerDependencies)
})

test('publint finds no fault', async () => {
  const { messages } = await publint({
    pkgDir: join(folder, 'node_modules/invalidate-token-guard'),
    strict: true,
    pack: false,
  })

  expect(messages).toEqual([])
})

test('attw finds no fault in the types, for import, for require and for bundlers', async () => {
  const analysis = await checkPackage(createPackageFromTarballData(await readFile(tarball)))

  if (analysis.types === false) throw new Error('The package has no types.')
  expect(analysis.problems).toEqual([])
  expect(Object.keys(analysis.entrypoints)).toEqual(['.', './package.json'])
})

/** What a gateway writes. */
const gateway = `
  import { createGuard, fromService, useTokenGuard, type Guard, type KnownToken, type Verdict } from 'invalidate-token-guard'
  const guard: Guard = createGuard({ source: fromService({ url: 'http://localhost/', clientId: 'c', secret: 's' }) })
  export const plugin = useTokenGuard({ guard, reject: { missingToken: true } })
  export async function nameOf(token: string): Promise<string | undefined> {
    const verdict: Verdict = await guard.check(token)
    const known: KnownToken | undefined = verdict.outcome === 'valid' ? verdict.token : undefined
    // @ts-expect-error: there is no such field
    known?.password
    return known?.username
  }`

test.each([
  { name: 'an ES module of Node', file: 'gateway.mts', module: 'nodenext', moduleResolution: 'nodenext' },
  { name: 'a CommonJS module of Node', file: 'gateway.cts', module: 'nodenext', moduleResolution: 'nodenext' },
  { name: 'a bundler', file: 'gateway.ts', module: 'esnext', moduleResolution: 'bundler' },
])(
  'its types are checked in $name, without the types of graphql and of a browser',
  async ({ file, module, moduleResolution }) => {
    const project = await mkdtemp(join(folder, 'types-'))
    const compilerOptions = {
      module,
      moduleResolution,
      strict: true,
      noEmit: true,
      lib: ['es2023'],
      types: ['node'],
      target: 'es2023',
    }
    await writeFile(join(project, file), gateway)
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }))
    await mkdir(join(project, 'node_modules/@types'), { recursive: true })
    for (const name of ['@types/node', 'undici-types'])
      await symlink(join(process.cwd(), 'node_modules', name), join(project, 'node_modules', name))

    const { stdout } = await run(join(process.cwd(), 'node_modules/.bin/tsc'), ['-p', project]).catch((error) => error)

    expect(stdout).toBe('')
  },
)

test('the set, the blocks and the rule run where there is nothing of Node', async () => {
  const contents = `
    import { RevocationSet } from './src/guard/revocation-set.ts'
    import { decodeBlock, encodeBlock } from './src/tokens/block.ts'
    export { RevocationSet, decodeBlock, encodeBlock }`
  const bundled = await build({
    stdin: { contents, resolveDir: process.cwd() },
    bundle: true,
    format: 'iife',
    globalName: 'guard',
    platform: 'neutral',
    write: false,
  })

  const names = runInNewContext(`${bundled.outputFiles[0]?.text}; Object.values(guard).map(({ name }) => name)`, {
    TextEncoder,
    TextDecoder,
  })

  expect(Array.from(names)).toEqual(['RevocationSet', 'decodeBlock', 'encodeBlock'])
})

/** Follows a service, checks a token, invalidates it at the service, and waits until the guard refuses it. */
const follow = `
  async function main({ createGuard, fromService, useTokenGuard }, { GraphQLError }) {
    const { URL: url, AUTHORIZATION: authorization } = process.env
    const [clientId, secret] = atob(authorization.slice('Basic '.length)).split(':')
    const ask = async (query) => {
      const headers = { 'content-type': 'application/json', authorization }
      return (await (await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query }) })).json()).data
    }
    const issued = await ask('mutation { createTokenPair(input: { realmName: "r", username: "u" }) { accessToken } }')
    const token = issued.createTokenPair.accessToken
    const guard = createGuard({ source: fromService({ url, clientId, secret }) })
    await guard.ready()
    const before = await guard.check(token)
    const ended = new Promise((resolve) => guard.watch(before.token, resolve))
    await ask('mutation { invalidateToken(input: { token: "' + token + '" }) { invalidatedTokens } }')
    const reason = await ended
    const after = await guard.check(token)
    const request = new Request('http://localhost/', { headers: { authorization: 'Bearer ' + token } })
    const refused = await useTokenGuard({ guard }).onRequestParse({ request }).catch((error) => error)
    await guard.close()
    console.log(JSON.stringify({
      before: before.outcome, reason, after: after.outcome,
      refused: refused instanceof GraphQLError && refused.extensions.code, state: guard.status.state,
    }))
  }`
const programs = {
  'esm.mjs': `
    import * as guard from 'invalidate-token-guard'
    import * as graphql from 'graphql'
    ${follow}
    main(guard, graphql)`,
  'cjs.cjs': `
    ${follow}
    main(require('invalidate-token-guard'), require('graphql'))`,
}

describe('before a service', () => {
  let service: RunningService
  beforeAll(async () => {
    await symlink(
      dirname(createRequire(import.meta.url).resolve('graphql/package.json')),
      join(folder, 'node_modules/graphql'),
    )
    service = await startProcess({ DATABASE_URL: '', DATA_DIR: join(folder, 'data') })
  })
  afterAll(() => service.end())

  test.each(Object.entries(programs))(
    '%s follows the service and refuses what was invalidated',
    async (name, program) => {
      await writeFile(join(folder, name), program)
      const env = { PATH: process.env['PATH'], URL: service.url, AUTHORIZATION: service.authorization }

      const { stdout } = await run(process.execPath, [name], { cwd: folder, env })

      expect(JSON.parse(stdout)).toEqual({
        before: 'valid',
        reason: 'invalidated',
        after: 'invalid',
        refused: 'UNAUTHENTICATED',
        state: 'CLOSED',
      })
    },
  )
})
