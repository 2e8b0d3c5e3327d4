/** What every command can be asked for. */
export interface OutputOptions {
  readonly json?: boolean
}

export const jsonOption = ['--json', 'one JSON document on stdout, and errors as JSON on stderr'] as const

/** What a command has to say, for people and for programs. */
export interface Answer {
  readonly text: string
  readonly json: unknown
}

export function print({ text, json }: Answer, options: OutputOptions): void {
  process.stdout.write(options.json ? `${JSON.stringify(json)}\n` : `${text}\n`)
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
