import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { chown, mkdtemp, open, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, escapeIdentifier } from 'pg'
import { type Account, findPostgres, lendBinaries, serverAccount } from './postgres-binaries.ts'
import { isAlive, listChildren, openSweeper, type Sweeper, until } from './processes.ts'

/** A PostgreSQL of the tests' own: TCP on 127.0.0.1 only, superuser `postgres`, no password. */
export interface RunningPostgres {
  /** Leads to the database `postgres`; stays the same over `kill` and `restart`. */
  readonly url: string
  /** The postmaster's; a new one after `restart`. */
  readonly pid: number
  readonly dataDir: string
  /** All that the server ever wrote, over restarts; gone after `stop`. */
  readonly logFile: string
  /** Ends the server and removes its folder. A second call joins the first. */
  stop(): Promise<void>
  /** SIGKILL to the postmaster and all its children at once, as in a crash; answers when they are gone. Repeatable. */
  kill(): Promise<void>
  /** Starts on the same folder and port, after a clean shutdown if it still runs; answers when queries work. */
  restart(): Promise<void>
  /** Makes a database (a copy of `template` if named, which nobody may be connected to) and answers its url. */
  createDatabase(name: string, template?: string): Promise<string>
  /** Removes a database, ending whoever is connected to it; harmless if there is none. */
  dropDatabase(name: string): Promise<void>
}

/** As on the server's command line, e.g. `{ fsync: 'on', max_connections: '20' }`. */
export type PostgresSettings = Readonly<Record<string, string>>

interface Plot {
  readonly folder: string
  readonly bin: string
  readonly account: Account | undefined
  readonly port: number
  readonly settings: PostgresSettings
  readonly sweeper: Sweeper
}

type Program = 'initdb' | 'postgres'

interface Launched {
  readonly pid: number
  readonly hasEnded: () => boolean
  readonly hasSucceeded: () => boolean
}

/**
 * Starts a throw-away PostgreSQL in a new folder below the system's temp folder; answers when queries work.
 *
 * Works as root too: the server then runs as `postgres` or `nobody`. `fsync` is off unless `settings` says otherwise: it
 * guards against power cuts only, and what was committed outlives `kill` without it. However this program ends, even by
 * SIGKILL, the server is put down and its folder removed. POSIX only.
 *
 * @throws Error with the tail of the server's log when it does not answer within 30 s.
 */
export async function startPostgres(options: { readonly settings?: PostgresSettings } = {}): Promise<RunningPostgres> {
  const binaries = findPostgres()
  const account = serverAccount()
  const folder = await mkdtemp(join(tmpdir(), 'invalidate-token-postgres-'))
  const sweeper = openSweeper(folder)
  try {
    if (account !== undefined) await chown(folder, account.uid, account.gid)
    const bin = await lendBinaries(binaries, account, folder)
    const port = await findPort()
    const server = new ThrowAwayPostgres({ folder, bin, account, port, settings: options.settings ?? {}, sweeper })
    await server.initialise()
    await server.restart()
    return server
  } catch (error) {
    await sweeper.sweep()
    throw error
  }
}

/**
 * Up, down or swept. `restart` leads to up, `kill` (or a crash) to down; both may be repeated from either. `stop` leads
 * to swept, from where nothing leads on. The calls are not meant to overlap, but for `stop`.
 */
class ThrowAwayPostgres implements RunningPostgres {
  readonly url: string
  readonly dataDir: string
  readonly logFile: string
  readonly #plot: Plot
  #postmaster: Launched = { pid: 0, hasEnded: () => true, hasSucceeded: () => false }
  #stopped: Promise<void> | undefined

  constructor(plot: Plot) {
    this.#plot = plot
    this.url = this.#urlOf('postgres')
    this.dataDir = join(plot.folder, 'data')
    this.logFile = this.#logOf('postgres')
  }

  get pid(): number {
    return this.#postmaster.pid
  }

  async initialise(): Promise<void> {
    const dialect = ['--no-locale', '--encoding=UTF8', '--auth=trust', '--username=postgres']
    const initdb = await this.#launch('initdb', [`--pgdata=${this.dataDir}`, ...dialect, '--no-sync'])
    await until(initdb.hasEnded, 60)
    if (!initdb.hasSucceeded()) throw await this.#failure('initdb failed', 'initdb')
  }

  async restart(): Promise<void> {
    await this.#shutDown()
    const settings = {
      fsync: 'off',
      max_connections: '100',
      ...this.#plot.settings,
      listen_addresses: '127.0.0.1',
      port: this.#plot.port,
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

    // A stopped postmaster neither forks a child that we would miss, nor reaps one and frees its pid for a stranger.
    // The children must go too: a busy one would go on, and commit, after its postmaster's death.
    process.kill(pid, 'SIGSTOP')
    const children = await listChildren(pid)
    for (const each of [...children, pid]) process.kill(each, 'SIGKILL')
    if (!(await until(() => hasEnded() && !children.some(isAlive)))) throw await this.#failure('SIGKILL had no effect')
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

  /** A killed server is started once more: only a clean end gives back its System V memory, of which a Mac has 32 pieces. */
  async #stop(): Promise<void> {
    try {
      if (this.#postmaster.hasEnded()) await this.restart()
      await this.#shutDown()
    } finally {
      await this.#plot.sweeper.sweep()
    }
  }

  /** SIGINT is PostgreSQL's "fast" shutdown: clients are cut off, the folder is left clean. */
  async #shutDown(): Promise<void> {
    const { pid, hasEnded } = this.#postmaster
    if (hasEnded()) return
    process.kill(pid, 'SIGINT')
    if (!(await until(hasEnded))) throw await this.#failure('PostgreSQL did not shut down within 30 s')
  }

  /** In a session of its own, so that Ctrl-C reaches the tests' clean-up before it reaches the server. */
  async #launch(program: Program, args: readonly string[]): Promise<Launched> {
    const { bin, account, sweeper } = this.#plot
    const log = await open(this.#logOf(program), 'a')
    const child = spawn(join(bin, program), args, {
      ...account,
      cwd: '/', // ours may be closed to the account
      detached: true,
      env: { ...process.env, LC_ALL: 'C' },
      stdio: ['ignore', log.fd, log.fd],
    })
    // Both before anything is awaited: a pid watched after its end may be a stranger's by the time it is swept.
    sweeper.watch(child.pid)
    child.once('exit', () => sweeper.watch(undefined))
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
    const { bin, port } = this.#plot
    const log = await readFile(this.#logOf(program), 'utf8')
    return new Error(`${what} (${bin}, port ${port}). The end of its log:\n${log.split('\n').slice(-30).join('\n')}`)
  }

  #logOf(program: Program): string {
    return join(this.#plot.folder, `${program}.log`)
  }

  #urlOf(database: string): string {
    return `postgresql://postgres@127.0.0.1:${this.#plot.port}/${encodeURIComponent(database)}`
  }
}

async function answers(url: string): Promise<boolean> {
  return query(url, 'select 1').then(
    () => true,
    () => false, // not yet: the caller asks again
  )
}

async function query(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => undefined) // the query's own rejection tells it; unheard, the event would end the test run
  await client.connect()
  await client.query(sql).finally(() => client.end())
}

/**
 * Below 32,768, where Linux and macOS begin to number outgoing connections: while a killed server is down, a client that
 * keeps trying would sooner or later be given the very port it dials, connect to itself, and bar the server's return.
 */
export async function findPort(): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const port = randomInt(15_000, 32_000)
    if (await isFree(port)) return port
  }
  throw new Error(
    'None of 50 ports of 127.0.0.1 could be listened on: see whether this sandbox allows to listen at all',
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
