/** The levels as pino numbers them. */
const levels: ReadonlyMap<unknown, string> = new Map([
  [20, 'debug'],
  [30, 'info '],
  [40, 'warn '],
  [50, 'error'],
])

/**
 * Writes a line of the log for a person: the time of day, the level, the event, its facts, and at last what it means.
 *
 *     09:30:00.123 warn  authentication_failed address=192.0.2.1 client=login  Credentials were refused: …
 *
 * What a caller chose can't forge a line: control characters are escaped.
 */
export function prettyLine(json: string): string {
  const { level, time, event, msg, err, ...facts }: Readonly<Record<string, unknown>> = JSON.parse(json)
  const parts = Object.entries(facts).map(([name, value]) => `${name}=${readable(value)}`)
  const cause = err === undefined ? [] : [`(${readable(Reflect.get(Object(err), 'message'))})`]
  const head = [String(time).slice(11, 23), levels.get(level) ?? 'other', readable(event), ...parts]
  return `${head.join(' ')}  ${[readable(msg), ...cause].join(' ')}\n`
}

function readable(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.replaceAll(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1).padStart(2, '\\'))
}
