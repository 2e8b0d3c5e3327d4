import { fstatSync, statSync } from 'node:fs'
import { devNull } from 'node:os'
import { CommandFault } from './fault.ts'

/** What every command can be asked for. */
export interface OutputOptions {
  readonly json?: boolean
}

export const jsonOption = ['--json', 'one JSON document on stdout, and errors as JSON on stderr'] as const

/** What a command has to say, for people and for programs. */
export interface Answer {
  readonly text: string
  readonly json: unknown
  /** What is wrong if nobody gets to read it; unset where it can be asked for again. */
  readonly ifLost?: CommandFault | undefined
}

/**
 * Prints an answer, and resolves once it is written. Whoever read along may go, as in `revocations | head`: only what is
 * said once must not get lost.
 *
 * @throws CommandFault
 */
export async function print({ text, json, ifLost }: Answer, options: OutputOptions): Promise<void> {
  if (ifLost !== undefined && isNowhere()) throw ifLost
  try {
    await write(options.json ? `${JSON.stringify(json)}\n` : `${text}\n`)
  } catch (error) {
    if (ifLost !== undefined) throw ifLost
    if (!(error instanceof Error) || !('code' in error)) throw error
    if (error.code !== 'EPIPE')
      throw new CommandFault(
        'ERR_OUTPUT',
        `What there is to say can't be written to standard output: ${error.message}.`,
      )
  }
}

function write(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()))
  })
}

/** Where standard output is closed (`>&-`), Node has put /dev/null in its place, and no write will ever fail. */
function isNowhere(): boolean {
  const output = fstatSync(process.stdout.fd)
  return output.isCharacterDevice() && output.rdev === statSync(devNull).rdev
}

/** Columns as wide as what stands in them, two spaces apart. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(toPrintable))
  const widths = cells.reduce<readonly number[]>(
    (widest, row) => row.map((cell, n) => Math.max(cell.length, widest[n] ?? 0)),
    [],
  )
  return cells
    .map((row) =>
      row
        .map((cell, n) => cell.padEnd(widths[n] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** What strangers have named must not move the cursor, or turn the direction of the text. */
function toPrintable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}')
}
