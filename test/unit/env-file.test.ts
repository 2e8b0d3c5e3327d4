import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readEnvFile } from '../../src/env-file.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'env-file-'))
})
afterAll(() => rm(folder, { recursive: true }))

const bom = '\ufeff'
const path = () => join(folder, '.env')
async function read(content: string | Uint8Array) {
  await writeFile(path(), content)
  return readEnvFile(path())
}

test('no file sets nothing', () => {
  expect(readEnvFile(join(folder, 'none'))).toEqual({})
})

test('a folder is an error', () => {
  expect(() => readEnvFile(folder)).toThrow(`The file ${folder} exists but cannot be read.`)
})

describe('a file that is understood', () => {
  test.each<[name: string, content: string, variables: object]>([
    ['an assignment', 'A=1', { A: '1' }],
    ['several', 'A=1\nB=2\n', { A: '1', B: '2' }],
    ['a byte order mark', `${bom}A=1\nB=2\n`, { A: '1', B: '2' }],
    ['a byte order mark alone', bom, {}],
    ['a byte order mark before a comment', `${bom}# A=1`, {}],
    ['line breaks of Windows', 'A=1\r\n\r\n# x\r\nB="2"\r\n', { A: '1', B: '2' }],
    ['line breaks of the first Macintosh', 'A=1\rB=2\r', { A: '1', B: '2' }],
    ['nothing', '', {}],
    ['empty lines', '\n \n\t\nA=1\n\n', { A: '1' }],
    ['comments', '# A=1\n  # B=2\n#\nC=3 # D\n#E=5', { C: '3' }],
    ['white space', '  A = 1\t\n\tB=\t2 ', { A: '1', B: '2' }],
    ['export', 'export A=1\n export  B = 2\nexport\tC=3', { A: '1', B: '2', C: '3' }],
    ['a variable named export', 'export=1', { export: '1' }],
    ['no value', 'A=\nB=2', { A: '', B: '2' }],
    ['no value, but a space', 'A= \nB=2', { A: '', B: '2' }],
    ['no value, but a comment', 'A= # 1\nB=2', { A: '', B: '2' }],
    ['empty quotes', 'A=""\nB=\'\'\nC=``', { A: '', B: '', C: '' }],
    ['a url', 'A=postgres://a:b@c/d?sslmode=require&x==', { A: 'postgres://a:b@c/d?sslmode=require&x==' }],
    ['words', 'A=a  b\tc ', { A: 'a  b\tc' }],
    ['quotes within a value', `A=a"b'c`, { A: `a"b'c` }],
    ['double quotes', `A = "a # ' b" # c`, { A: "a # ' b" }],
    ['single quotes', `A='a # " b'\t# c`, { A: 'a # " b' }],
    ['backticks', 'A=`a # " \' b`', { A: 'a # " \' b' }],
    ['white space in quotes', 'A=" a "', { A: ' a ' }],
    ['line breaks in quotes', 'A="a\r\nb"\nB=\'c\n\nd\'\nC=3', { A: 'a\nb', B: 'c\n\nd', C: '3' }],
    ['a line break as an escape in double quotes', 'A="a\\nb"', { A: 'a\nb' }],
    [
      'a backslash in any other place',
      `A='a\\nb'\nB=a\\nb\nC="a\\tb\\"\nD=\\`,
      { A: 'a\\nb', B: 'a\\nb', C: 'a\\tb\\', D: '\\' },
    ],
    ['a dollar sign, which is not replaced', 'A=$B\nC="$D"', { A: '$B', C: '$D' }],
    ['a name with points, dashes and digits', 'a.b-c=1\n1A=2\n_=3', { 'a.b-c': '1', '1A': '2', _: '3' }],
    ['one name twice: the last one counts', 'A=1\nA=2', { A: '2' }],
    ['other scripts', 'A=日本 # ключ', { A: '日本' }],
    ['a name that objects have', '__proto__=1\nA=2', JSON.parse('{"__proto__":"1","A":"2"}')],
  ])('has %s', async (_name, content, variables) => {
    expect(await read(content)).toEqual(variables)
  })
})

describe('a file that is not understood is refused, and not repeated', () => {
  test.each<[name: string, line: number, content: string]>([
    ['a word', 2, 'A=1\nhunter2\nB=2'],
    ['a word, before an assignment', 1, 'hunter2\n\nB=2'],
    ['a word with export', 1, 'export hunter2'],
    ['a colon', 1, 'A: hunter2'],
    ['no name', 1, '=hunter2'],
    ['a name with a space', 1, 'A B=hunter2'],
    ['a name in quotes', 1, '"A"=hunter2'],
    ['a name with an umlaut', 1, 'Ä=hunter2'],
    ['a name with a dollar sign, as in PowerShell', 1, '$A=hunter2'],
    ['a name of PowerShell', 3, '\n\n$env:A="hunter2"'],
    ['set, as on Windows', 1, 'set A=hunter2'],
    ['a section, as in an .ini', 1, '[hunter2]\nA=1'],
    ['a comment of another kind', 1, '; hunter2'],
    ['a comment of another kind', 1, '// hunter2'],
    ['JSON', 1, '{ "A": "hunter2" }'],
    ['a # within a value', 1, 'A=hunter2#x'],
    ['a # at the start of a value', 1, 'A=#hunter2'],
    ['a # within a later word', 1, 'A=hunter2 x#x'],
    ['a # right after quotes', 1, 'A="hunter2"#x'],
    ['a quote without an end', 2, 'A=1\nB="hunter2\nC=3\nD=4'],
    ['a quote without an end, before others', 1, 'A="hunter2\nB="x"'],
    ['a quote alone', 1, "A='"],
    ['text after quotes', 1, 'A="hunter2" x'],
    ['quotes in quotes', 1, 'A="hunter2 "x" y"'],
    ['an escaped quote', 1, 'A="hunter2\\"x"'],
    ['a line after quotes with line breaks', 5, 'A="x\ny\nz"\nB=1\nhunter2'],
    ['a control character in a name', 1, 'A\u0001=hunter2'],
  ])('with %s', async (_name, line, content) => {
    const message = await read(content).catch((error: Error) => error.message)

    expect(message).toBe(
      `The file ${path()} is wrong in line ${line}: expected NAME=value, a comment or nothing. A value with # in it, or with a quote at its start, must be in quotes that end.`,
    )
  })

  const utf16 = Buffer.from('A=hunter2\r\n', 'utf16le')
  const bigEndian = Buffer.from(utf16).swap16()

  test.each<[name: string, content: Uint8Array]>([
    ['UTF-16 as Windows writes it', Buffer.concat([Buffer.from([0xff, 0xfe]), utf16])],
    ['UTF-16 in the other order', Buffer.concat([Buffer.from([0xfe, 0xff]), bigEndian])],
    ['UTF-16 without a mark', utf16],
    ['UTF-16 in the other order without a mark', bigEndian],
    ['a mark of UTF-16 alone', Buffer.from([0xff, 0xfe])],
    ['a NUL', Buffer.from('A=hunter2\0')],
  ])('in %s', async (_name, content) => {
    await expect(read(content)).rejects.toThrow(`The file ${path()} looks like UTF-16: save it as UTF-8.`)
  })

  test.each<[name: string, line: number, content: Uint8Array]>([
    ['Latin-1', 2, Buffer.from('A=1\nB=hunter2-é\nC=3', 'latin1')],
    ['Latin-1, in a comment', 1, Buffer.from('# é\nA=1', 'latin1')],
    ['UTF-8 cut short', 3, Buffer.concat([Buffer.from('A=1\r\n\r\nB=hunter2'), Buffer.from([0xc3])])],
    ['UTF-8 with a surrogate', 1, Buffer.concat([Buffer.from('A='), Buffer.from([0xed, 0xa0, 0x80])])],
  ])('in %s', async (_name, line, content) => {
    await expect(read(content)).rejects.toThrow(`The file ${path()} is not UTF-8 in line ${line}.`)
  })
})
