import { execFileSync } from 'node:child_process'

/** Builds the service: the tests run the code that is shipped, and a start takes a second less than from source. */
export default function build(): void {
  execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' })
}
