import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { CommandFault } from './fault.ts'

/** The streams that a secret is read from, and that the prompt is written to. */
export interface SecretSource {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly stderr: Pick<NodeJS.WritableStream, 'write'>
}

/** More characters than any token or secret has. */
const maxLength = 4096

/**
 * Reads one secret from standard input, without the white space around it. At a terminal it prompts on stderr and does
 * not show what is typed.
 *
 * @param what names the secret in messages, for example "a token"
 */
export async function readSecret(what: string, source: SecretSource = process): Promise<string> {
  const text = source.stdin.isTTY ? await prompt(what, source) : await readAll(what, source)
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
    if (text.length > maxLength)
      throw usage(`Expected ${what} on standard input, got more than ${maxLength} characters.`)
  }
  return text
}

async function prompt(what: string, { stdin, stderr }: SecretSource): Promise<string> {
  const discarded = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: stdin, output: discarded, terminal: true, historySize: 0 })
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
