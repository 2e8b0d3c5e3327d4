import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { TokenServiceError } from './tokens/errors.ts'

/**
 * The variables of a `.env` file; none if there is no such file.
 *
 * A file that is not understood is refused. What is skipped without a word is a setting that does not hold: without its
 * first line, a service would start on the embedded database, and not on that of `DATABASE_URL`. So this is not
 * `parseEnv` of Node, nor dotenv, which both skip a line that they do not understand. Also, `parseEnv` takes a byte order
 * mark for a part of the name, and in Node 22 and 24 it reads `A= `, with a space at its end, as the line after it.
 *
 * @throws TokenServiceError ERR_CONFIGURATION: names the line, and does not repeat it, as it may be a password
 */
export function readEnvFile(path: string): Readonly<Record<string, string>> {
  const bytes = readIfExists(path)
  return bytes === undefined ? {} : Object.fromEntries(readStatements(path, decode(path, bytes)))
}

function readIfExists(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new TokenServiceError('ERR_CONFIGURATION', `The file ${path} exists but cannot be read.`, error)
  }
}

/** The text of a file, with `\n` as its line break. Editors and shells of Windows write a byte order mark, or UTF-16. */
function decode(path: string, bytes: Buffer): string {
  // UTF-16 begins with U+FEFF in either order. Without that, every second byte of an ASCII character is NUL.
  if (/^(?:\xff\xfe|\xfe\xff)|\0/.test(bytes.toString('latin1')))
    throw new TokenServiceError('ERR_CONFIGURATION', `The file ${path} looks like UTF-16: save it as UTF-8.`)
  const lines = bytes.toString('latin1').split(lineBreak)
  const wrongIndex = lines.findIndex((line) => !isUtf8(Buffer.from(line, 'latin1')))
  if (wrongIndex !== -1)
    throw new TokenServiceError('ERR_CONFIGURATION', `The file ${path} is not UTF-8 in line ${wrongIndex + 1}.`)
  return bytes
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .replaceAll(lineBreak, '\n')
}

const lineBreak = /\r\n|\r|\n/g

const space = /[^\S\n]/.source
const comment = /(?<!\S)#[^\n]*/.source
const quoted = /"([^"]*)"|'([^']*)'|`([^`]*)`/.source
const words = /([^\s"'`#][^\s#]*(?:[^\S\n]+[^\s#]+)*)/.source
const assignment = `(?:export${space}+)?([\\w.-]+)${space}*=${space}*(?:${quoted}|${words})?${space}*`

/**
 * A statement of the file: an assignment, a comment, both or neither, up to the end of its line.
 *
 *     export NAME = value # comment     `export`; white space around the name and the value; a comment after white space
 *     NAME="value"                      quotes are ", ' or `; white space, # and line breaks may be within them
 *     NAME=                             an empty value
 *
 * A `#` right after another character is refused: it begins a comment to some programs, and is a part of the value (a
 * password, perhaps) to others.
 */
const statement = new RegExp(`${space}*(?:${assignment})?(?:${comment})?(?:\\n|$)`, 'y')

function readStatements(path: string, text: string): readonly (readonly [name: string, value: string])[] {
  const found: (readonly [string, string])[] = []
  for (let end = 0; end < text.length; ) {
    statement.lastIndex = end
    const [all, name, inDouble, inSingle, inBackticks, bare] = statement.exec(text) ?? []
    if (all === undefined) throw notUnderstood(path, text.slice(0, end).split('\n').length)
    // As with other programs, only these quotes know an escape, and only this one.
    const value = inDouble?.replaceAll('\\n', '\n') ?? inSingle ?? inBackticks ?? bare ?? ''
    if (name !== undefined) found.push([name, value])
    end += all.length
  }
  return found
}

function notUnderstood(path: string, line: number): TokenServiceError {
  return new TokenServiceError(
    'ERR_CONFIGURATION',
    `The file ${path} is wrong in line ${line}: expected NAME=value, a comment or nothing. A value with # in it, or with a quote at its start, must be in quotes that end.`,
  )
}
