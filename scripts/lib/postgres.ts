import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { chown, mkdtemp, open, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, escapeIdentifier } from 'pg'
import { type Account, findPostgres, runnableBinaries, serverAccount } from './postgres-binaries.ts'
import { type Cleaner, isAlive, listChildren, openCleaner, until } from './processes.ts'

/** A PostgreSQL server for one run: TCP on 127.0.0.1 only, superuser `postgres`, no password. */
export interface RunningPostgres {
  /** Of the database `postgres`; stays the same over `kill` and `restart`. */
  readonly url: string
  /** Of the postmaster; changes with `restart`. */
  readonly pid: number
  readonly dataDir: string
  /** All that the server has logged, over restarts; removed by `stop`. */
  readonly logFile: string
  /** Ends the server and removes its folder. A second call waits for the first. */
  stop(): Promise<void>
  /** Sends SIGKILL to the postmaster and all its children, as in a crash; resolves when all have ended. Repeatable. */
  kill(): Promise<void>
  /** Stops all its processes as they are (SIGSTOP), and answers the function that lets them go on. */
  pause(): Promise<() => void>
  /** Starts on the same folder and port, after a clean shutdown if it still runs; resolves when queries work. */
  restart(): Promise<void>
  /** Creates a database and answers its url. It is a copy of `template`, to which no client may be connected. */
  createDatabase(name: string, template?: string): Promise<string>
  /** Removes a database and ends the connections to it; does nothing if there is no such database. */
  dropDatabase(name: string): Promise<void>
}

/** Settings as on the server's command line, e.g. `{ fsync: 'on', max_connections: '20' }`. */
type PostgresSettings = Readonly<Record<string, string>>

interface StartOptions {
  readonly settings?: PostgresSettings
  /** Below which folder its own is made: the system's temp folder by default. */
  readonly below?: string
  /** Fills the data folder, which does not exist yet. By default it becomes a new, empty cluster. */
  readonly fill?: (dataDir: string) => Promise<void>
}

interface Installation {
  readonly folder: string
  readonly bin: string
  readonly account: Account | undefined
  readonly port: number
  readonly settings: PostgresSettings
  readonly cleaner: Cleaner
}

type Program = 'initdb' | 'postgres'

interface Launched {
  readonly pid: number
  readonly hasEnded: () => boolean
  readonly hasSucceeded: () => boolean
}

/**
 * Starts a temporary PostgreSQL in a new folder; resolves when queries work.
 *
 * Works as root too: the server then runs as `postgres` or `nobody`. `fsync` is off unless `settings` sets it: it
 * guards against power cuts only, and committed data survives `kill` without it. However this program ends, even by
 * SIGKILL, the server is ended and its folder removed. POSIX only.
 *
 * @throws Error with the tail of the server's log when it does not answer within 30 s.
 */
export async function startPostgres(options: StartOptions = {}): Promise<RunningPostgres> {
  const binaries = findPostgres()
  const account = serverAccount()
  const folder = await mkdtemp(join(options.below ?? tmpdir(), 'invalidate-token-postgres-'))
  const cleaner = openCleaner(folder)
  try {
    if (account !== undefined) await chown(folder, account.uid, account.gid)
    const bin = await runnableBinaries(binaries, account, folder)
    const port = await findPort()
    const server = new TemporaryPostgres({ folder, bin, account, port, settings: options.settings ?? {}, cleaner })
    await (options.fill === undefined ? server.initialise() : options.fill(server.dataDir))
    await server.restart()
    return server
  } catch (error) {
    await cleaner.clean()
    throw error
  }
}

/**
 * The server is up, down or removed. `restart` brings it up; `kill` (or a crash) brings it down; both work from up and
 * from down. `stop` removes it, and that is final. The calls must not overlap, except `stop`.
 */
class TemporaryPostgres implements RunningPostgres {
  readonly url: string
  readonly dataDir: string
  readonly logFile: string
  readonly #installation: Installation
  #postmaster: Launched = { pid: 0, hasEnded: () => true, hasSucceeded: () => false }
  #stopped: Promise<void> | undefined

  constructor(installation: Installation) {
    this.#installation = installation
    this.url = this.#urlOf('postgres')
    this.dataDir = join(installation.folder, 'data')
    this.logFile = this.#logOf('postgres')
  }

  get pid(): number {
    return this.#postmaster.pid
  }

  async initialise(): Promise<void> {
    const options = ['--no-locale', '--encoding=UTF8', '--auth=trust', '--username=postgres']
    const initdb = await this.#launch('initdb', [`--pgdata=${this.dataDir}`, ...options, '--no-sync'])
    await until(initdb.hasEnded, 60)
    if (!initdb.hasSucceeded()) throw await this.#failure('initdb failed', 'initdb')
  }

  async restart(): Promise<void> {
    await this.#shutDown()
    const settings = {
      fsync: 'off',
      max_connections: '100',
      ...this.#installation.settings,
      listen_addresses: '127.0.0.1',
      port: this.#installation.port,
      unix_socket_directories: '',
    }
    const switches = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const postmaster = await this.#launch('postgres', ['-D', this.dataDir, ...switches])
    this.#postmaster = postmaster

    const answered = await until(async () => postmaster.hasEnded() || (await answers(this.url)))
    if (postmaster.hasEnded()) throw await this.#failure('PostgreSQL ended at its start')
    if (!answered) throw await this.#failure('PostgreSQL did not answer within 30 s')
  }

  async kill(): Promise<void> {
    const { pid, hasEnded } = this.#postmaster
    if (hasEnded()) return

    // A stopped postmaster does not fork a child that we would miss. It does not reap one either, whose pid another
    // process could then get. The children must end too: a busy one would continue, and commit, without its postmaster.
    process.kill(pid, 'SIGSTOP')
    const children = await listChildren(pid)
    for (const each of [...children, pid]) process.kill(each, 'SIGKILL')
    if (!(await until(() => hasEnded() && !children.some(isAlive)))) throw await this.#failure('SIGKILL had no effect')
  }

  async pause(): Promise<() => void> {
    const { pid } = this.#postmaster
    process.kill(pid, 'SIGSTOP')
    const all = [pid, ...(await listChildren(pid))]
    for (const each of all) process.kill(each, 'SIGSTOP')
    return () => {
      for (const each of all) process.kill(each, 'SIGCONT')
    }
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async createDatabase(name: string, template = 'template1'): Promise<string> {
    await query(this.url, `create database ${escapeIdentifier(name)} template ${escapeIdentifier(template)}`)
    return this.#urlOf(name)
  }

  async dropDatabase(name: string): Promise<void> {
    await query(this.url, `drop database if exists ${escapeIdentifier(name)} with (force)`)
  }

  /** Starts a killed server again: only a clean end frees its System V memory, of which macOS has 32 segments. */
  async #stop(): Promise<void> {
    try {
      if (this.#postmaster.hasEnded()) await this.restart()
      await this.#shutDown()
    } finally {
      await this.#installation.cleaner.clean()
    }
  }

  /** SIGINT is PostgreSQL's "fast" shutdown: it disconnects the clients and leaves the folder clean. */
  async #shutDown(): Promise<void> {
    const { pid, hasEnded } = this.#postmaster
    if (hasEnded()) return
    process.kill(pid, 'SIGINT')
    if (!(await until(hasEnded))) throw await this.#failure('PostgreSQL did not shut down within 30 s')
  }

  /** Starts the program in a session of its own: Ctrl-C then reaches our clean-up, and not the server first. */
  async #launch(program: Program, args: readonly string[]): Promise<Launched> {
    const { bin, account, cleaner } = this.#installation
    const log = await open(this.#logOf(program), 'a')
    const child = spawn(join(bin, program), args, {
      ...account,
      cwd: '/', // the account may have no access to our working folder
      detached: true,
      env: { ...process.env, LC_ALL: 'C' },
      stdio: ['ignore', log.fd, log.fd],
    })
    // Both before the first await: a pid that is watched after its end may belong to another process at clean-up.
    cleaner.watch(child.pid)
    child.once('exit', () => cleaner.watch(undefined))
    await once(child, 'spawn').finally(() => log.close())
    if (child.pid === undefined) throw new Error(`${program} was spawned without a pid: see ${this.#logOf(program)}`)

    child.unref()
    return {
      pid: child.pid,
      hasEnded: () => child.exitCode !== null || child.signalCode !== null,
      hasSucceeded: () => child.exitCode === 0,
    }
  }

  async #failure(what: string, program: Program = 'postgres'): Promise<Error> {
    const { bin, port } = this.#installation
    const log = await readFile(this.#logOf(program), 'utf8')
    return new Error(`${what} (${bin}, port ${port}). The end of its log:\n${log.split('\n').slice(-30).join('\n')}`)
  }

  #logOf(program: Program): string {
    return join(this.#installation.folder, `${program}.log`)
  }

  #urlOf(database: string): string {
    return `postgresql://postgres@127.0.0.1:${this.#installation.port}/${encodeURIComponent(database)}`
  }
}

async function answers(url: string): Promise<boolean> {
  return query(url, 'select 1').then(
    () => true,
    () => false, // not ready yet: the caller tries again
  )
}

async function query(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => undefined) // the query rejects as well; without a listener the event would end the test run
  await client.connect()
  await client.query(sql).finally(() => client.end())
}

/**
 * Chooses a port below 32,768, where the range for outgoing connections of Linux and macOS begins. From that range, a
 * client that retries while a killed server is down could get the same port as its own, connect to itself, and so keep
 * the server from starting again.
 */
export async function findPort(): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const port = randomInt(15_000, 32_000)
    if (await isFree(port)) return port
  }
  throw new Error(
    'None of 50 ports of 127.0.0.1 could be listened on: see whether this sandbox allows listening at all',
  )
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer().listen(port, '127.0.0.1')
  const isListening = await once(probe, 'listening').then(
    () => true,
    () => false,
  )
  if (isListening) await once(probe.close(), 'close')
  return isListening
}
