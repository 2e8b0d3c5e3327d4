import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/**
 * Builds the service and the servers that it is compared with. None runs from source: tsx would cost each 30 MB.
 *
 * @throws Error when something does not compile.
 */
export function buildServers(): void {
  const cwd = fileURLToPath(new URL('../..', import.meta.url))
  execFileSync('npm', ['run', '--silent', 'build'], { cwd })
  execFileSync('npx', ['tsc', '-p', 'bench/tsconfig.json'], { cwd })
}

/** Where a built server of the benchmark's own is. */
export function builtServer(path: string): string {
  return fileURLToPath(new URL(`../dist/${path}`, import.meta.url))
}
