import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { readSecret } from '../../src/commands/stdin.ts'

/** A standard input, and a terminal whose output can be read. */
function open({ isTTY }: { readonly isTTY: boolean }) {
  const rawModes: boolean[] = []
  const input = new PassThrough()
  const stdin = Object.assign(input, { isTTY, setRawMode: (mode: boolean) => rawModes.push(mode) })
  const stderr = new PassThrough()
  return { input, source: { stdin, stderr }, rawModes, written: () => String(stderr.read() ?? '') }
}

const secret = 'a-secret-of-more-than-32-characters'

describe('a secret that is piped in', () => {
  test.each([secret, `${secret}\n`, `${secret}\r\n`, `  ${secret}\n\n`])(
    'is read without the white space around it: %j',
    async (piped) => {
      const { input, source, written } = open({ isTTY: false })
      input.end(piped)

      expect(await readSecret('a token', source)).toBe(secret)
      expect(written()).toBe('')
    },
  )

  test.each([
    ['', 'Expected a token on standard input, and it is empty.'],
    ['\n \n', 'Expected a token on standard input, and it is empty.'],
    [`${secret}\n${secret}\n`, 'Expected a token on standard input and nothing else, got more than one word.'],
    ['x'.repeat(4097), 'Expected a token on standard input, got more than 4096 characters.'],
  ])('is refused without being repeated: %.20j', async (piped, message) => {
    const { input, source } = open({ isTTY: false })
    input.end(piped)

    await expect(readSecret('a token', source)).rejects.toThrow(message)
  })

  test('is refused as soon as it is too long', async () => {
    const { input, source } = open({ isTTY: false })
    input.write('x'.repeat(5000))

    await expect(readSecret('a token', source)).rejects.toThrow('got more than 4096 characters')
  })
})

describe('a secret that is typed', () => {
  test('is prompted for, and not shown', async () => {
    const { input, source, rawModes, written } = open({ isTTY: true })
    const reading = readSecret('a token', source)
    for (const key of `${secret}\r`) input.write(key)

    expect(await reading).toBe(secret)
    expect(written()).toBe('Paste a token (it is not shown): \n')
    // The terminal is in raw mode meanwhile, so that it does not show the keys itself.
    expect(rawModes).toEqual([true, false])
  })

  test('is refused when nothing was typed', async () => {
    const { input, source } = open({ isTTY: true })
    const reading = readSecret('a token', source)
    input.write('\r')

    await expect(reading).rejects.toThrow('it is empty')
  })
})
