import { expect, test } from 'vitest'
import { evidence, isUnavailable } from '../../src/storage/engine/errors.ts'
import { fileFaultOf, wasmErrnoOf } from '../../src/storage/engine/file-faults.ts'

/** What PGlite's file system throws: no `Error`, and without a message. */
const ofPglite = (errno: number | undefined) => ({ name: 'ErrnoError', errno })
const ofNode = (code: string, errno = -1) => Object.assign(new Error(`${code}: an operation`), { code, errno })

test.each([
  ['ENOSPC', 51, 'no space left on device'],
  ['EDQUOT', 19, 'disk quota exceeded'],
  ['EFBIG', 22, 'file too large'],
  ['EIO', 29, 'i/o error'],
  ['EROFS', 69, 'read-only file system'],
  ['EACCES', 2, 'permission denied'],
  ['EPERM', 63, 'operation not permitted'],
  ['EMFILE', 33, 'too many open files'],
  ['ENFILE', 41, 'file table overflow'],
  ['ENOMEM', 48, 'not enough memory'],
  ['ENOENT', 44, 'no such file or directory'],
  ['EEXIST', 20, 'file already exists'],
  ['EISDIR', 31, 'illegal operation on a directory'],
  ['ENOTDIR', 54, 'not a directory'],
  ['ELOOP', 32, 'too many symbolic links encountered'],
  ['ENAMETOOLONG', 37, 'name too long'],
  ['EBUSY', 10, 'resource busy or locked'],
  ['EINTR', 27, 'interrupted system call'],
  ['ENXIO', 60, 'no such device or address'],
  ['ETXTBSY', 74, 'text file is busy'],
  ['ESTALE', 72, 'stale file handle'],
  ['ENOLCK', 46, 'no locks available'],
])('%s is known by its name, by its number in PGlite, and in words', (errno, number, words) => {
  for (const error of [ofNode(errno), ofPglite(number)]) expect(fileFaultOf(error)).toEqual({ errno, words })
  expect(evidence(ofPglite(number)).message).toBe(`${errno}: ${words}`)
  expect(isUnavailable(ofPglite(number))).toBe(true)
  expect(wasmErrnoOf(ofNode(errno))).toBe(number)
})

test('what Node knows by its number only is named too', () => {
  expect(fileFaultOf(ofNode('Unknown system error -122', -122))?.errno).toBe('EDQUOT')
  expect(fileFaultOf(ofNode('Unknown system error -116', -116))?.errno).toBe('ESTALE')
})

test.each([
  ['a number that is not known', ofPglite(999), 'unknown: a file operation failed'],
  ['no number', ofPglite(undefined), 'unknown: a file operation failed'],
  ['a text', 'program exited with 1', 'program exited with 1'],
  ['a text with a token', `sent ita_${'A'.repeat(56)}`, 'sent [token]'],
  ['an object', { secret: 'x' }, 'object'],
  ['null', null, 'object'],
  ['nothing', undefined, 'undefined'],
])('a cause that is no error becomes one: %s', (_, thrown, message) => {
  expect(evidence(thrown).message).toBe(message)
})

test.each([
  'could not extend file "base/5/1": Success',
  'could not write to file "pg_wal/xlogtemp.42": Disk quota exceeded',
])('that a server %s is a reason to try again later, whatever its SQLSTATE', (message) => {
  for (const code of ['XX000', '42501', '58P01', '53100'])
    expect(isUnavailable(Object.assign(new Error(message), { code }))).toBe(true)
})
