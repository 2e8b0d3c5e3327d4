import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/**
 * Builds the service and the servers that it is compared with. None runs from source: tsx would add 30 MB to each.
 *
 * @throws Error when something does not compile.
 */
export function buildServers(): void {
  const cwd = fileURLToPath(new URL('../..', import.meta.url))
  execFileSync('npm', ['run', '--silent', 'build'], { cwd })
  execFileSync('npx', ['tsc', '-p', 'bench/tsconfig.json'], { cwd })
}

/** The path of one of the benchmark's own servers, once built. */
export function builtServer(path: string): string {
  return fileURLToPath(new URL(`../dist/${path}`, import.meta.url))
}
