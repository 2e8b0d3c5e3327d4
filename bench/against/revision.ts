import { execFileSync } from 'node:child_process'
import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchContext } from '../context.ts'
import { type Build, checkout } from '../ours/service.ts'

/**
 * The short hash of a git revision, such as a branch, a tag or a hash.
 *
 * @throws Error when there is no such commit.
 */
export function readCommit(revision: string): string {
  return git('rev-parse', '--verify', '--short', `${revision}^{commit}`)
}

/**
 * Checks out a commit as a git worktree in the temporary folder, and builds it there. Its packages are our own if the
 * lock files are the same; otherwise they are installed beside it.
 *
 * @throws Error when a package cannot be installed, or when the revision does not compile.
 */
export function buildRevision(context: BenchContext, commit: string): Build {
  const folder = join(context.folder, commit)
  context.progress.say(`checking out ${commit}`)
  git('worktree', 'add', '--detach', folder, commit)
  context.closeAtEnd({ close: async () => void git('worktree', 'remove', '--force', folder) })
  if (readLock(folder) === readLock(checkout.folder)) {
    symlinkSync(join(checkout.folder, 'node_modules'), join(folder, 'node_modules'))
  } else {
    context.progress.say(`installing the packages of ${commit}`)
    run('npm', ['ci', '--silent', '--ignore-scripts'], folder)
  }
  context.progress.say(`building ${commit}`)
  run('npm', ['run', '--silent', 'build'], folder)
  return { name: commit, folder }
}

function readLock(folder: string): string {
  return readFileSync(join(folder, 'package-lock.json'), 'utf8')
}

/** What the program prints is part of the error if it fails: `npm` and `tsc` print their errors on stdout. */
function run(program: string, args: readonly string[], cwd: string): string {
  try {
    return execFileSync(program, args, { cwd, encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch (error) {
    const printed = error instanceof Error && 'stdout' in error ? `\n${error.stdout}` : ''
    throw new Error(`${error instanceof Error ? error.message : String(error)}${printed}`)
  }
}

function git(...args: readonly string[]): string {
  return run('git', args, checkout.folder)
}
