import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { CommandFault } from './fault.ts'

/** Where secrets come from, and where people are asked for them. */
export interface SecretSource {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly stderr: Pick<NodeJS.WritableStream, 'write'>
}

/** More than any token or secret has. */
const longest = 4096

/**
 * The one secret on standard input, without white space around it. At a terminal it is asked for on stderr, and what is
 * typed is not shown.
 *
 * @param what for people: "a token"
 */
export async function readSecret(what: string, source: SecretSource = process): Promise<string> {
  const text = source.stdin.isTTY ? await askUnseen(what, source) : await readAll(what, source)
  const secret = text.trim()
  if (secret === '') throw usage(`Expected ${what} on standard input, and it is empty.`)
  if (/\s/.test(secret)) throw usage(`Expected ${what} on standard input and nothing else, got more than one word.`)
  return secret
}

async function readAll(what: string, { stdin }: SecretSource): Promise<string> {
  let text = ''
  stdin.setEncoding('utf8')
  for await (const part of stdin) {
    text += String(part)
    if (text.length > longest) throw usage(`Expected ${what} on standard input, got more than ${longest} characters.`)
  }
  return text
}

async function askUnseen(what: string, { stdin, stderr }: SecretSource): Promise<string> {
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: stdin, output: unseen, terminal: true, historySize: 0 })
  lines.once('SIGINT', () => {
    lines.close()
    process.kill(process.pid, 'SIGINT')
  })
  stderr.write(`Paste ${what} (it is not shown): `)
  try {
    for await (const line of lines) return line
    return ''
  } finally {
    lines.close()
    stderr.write('\n')
  }
}

function usage(message: string): CommandFault {
  return new CommandFault('ERR_USAGE', message)
}
