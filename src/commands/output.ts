import { fstatSync, statSync } from 'node:fs'
import { devNull } from 'node:os'
import { CommandFault } from './fault.ts'

/** The options that every command has. */
export interface OutputOptions {
  readonly json?: boolean
}

export const jsonOption = ['--json', 'one JSON document on stdout, and errors as JSON on stderr'] as const

/** The answer of a command: text for operators, JSON for programs. */
export interface Answer {
  readonly text: string
  readonly json: unknown
  /** The error to report if the answer could not be written. Unset if the operator can simply run the command again. */
  readonly ifLost?: CommandFault | undefined
}

/**
 * Prints an answer, and resolves once it is written. A reader that has closed the pipe, as in `revocations | head`, is
 * not an error, unless the answer cannot be had again (`ifLost`).
 *
 * @throws CommandFault
 */
export async function print({ text, json, ifLost }: Answer, options: OutputOptions): Promise<void> {
  if (ifLost !== undefined && isDiscarded()) throw ifLost
  try {
    await write(options.json ? `${JSON.stringify(json)}\n` : `${text}\n`)
  } catch (error) {
    if (ifLost !== undefined) throw ifLost
    if (!(error instanceof Error) || !('code' in error)) throw error
    if (error.code !== 'EPIPE')
      throw new CommandFault('ERR_OUTPUT', `The answer cannot be written to standard output: ${error.message}.`)
  }
}

function write(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()))
  })
}

/** If standard output is closed (`>&-`), Node replaces it with /dev/null, and no write ever fails. */
function isDiscarded(): boolean {
  const output = fstatSync(process.stdout.fd)
  return output.isCharacterDevice() && output.rdev === statSync(devNull).rdev
}

/** The `Authorization` header of a client (RFC 7617), for an operator to copy. */
export function basicAuthorization(id: string, secret: string): string {
  return `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
}

/** Formats rows as columns. Each column is as wide as its widest cell; two spaces separate them. */
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

/** Names come from untrusted input. They must not move the terminal's cursor or change the direction of the text. */
function toPrintable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}')
}
