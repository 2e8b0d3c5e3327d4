import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { run } from '../../src/commands/program.ts'

/** What the program has written. */
const written = { stdout: '', stderr: '' }
beforeEach(() => {
  for (const stream of ['stdout', 'stderr'] as const) {
    written[stream] = ''
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      written[stream] += String(text)
      return true
    })
  }
})
afterEach(() => vi.restoreAllMocks())

const invalidate = (...args: readonly string[]) => ['invalidate', ...args]

const rotate = (seconds: string) => ['client', 'rotate-secret', 'login', '--keep-previous', seconds]

const token = `ita_${'A'.repeat(56)}`
const header = `Authorization: Basic ${btoa(`login:its_${'A'.repeat(43)}`)}`
const onCommandLine = /^There is a token or a client’s secret on the command line\. It is in the shell’s history now/

test.each<[what: string, args: readonly string[], expected: RegExp]>([
  ['an unknown command', ['invalidat'], /^unknown command 'invalidat' \(Did you mean invalidate\?\)\. See --help\.$/],
  ['an unknown option', ['revocations', '--secret=hunter2'], /^unknown option '--secret'\. See --help\.$/],
  [
    'a token as the value of an option',
    invalidate('--token', 'x'),
    /^A token is never an argument: use `invalidate --to/,
  ],
  ['a client without an id and a scope', ['client', 'create'], /^missing required argument 'id'\. See --help\.$/],
  ['no other scopes', ['client', 'update', 'login'], /'--scope <scope>' not specified/],
  ['an unknown option that may be a secret', ['revocations', '--Hunter2'], /^unknown option '…'\. See --help\.$/],
  ['an unknown short option', invalidate('-shunter2'), /^unknown option '…'\. See --help\.$/],
  ['an unknown command that may be a secret', ['hunter2'], /^unknown command '…'\. See --help\.$/],
  [
    'too many arguments',
    ['client', 'disable', 'x', 'hunter2'],
    /^too many arguments for 'disable'\. Expected 1 .* 2\. /,
  ],
  [
    'a wrong value',
    invalidate('--session', "hunter2' is invalid. "),
    /^option '--session <id>' argument is invalid\. An/,
  ],
  ['a realm twice', invalidate('--realm', 'a', '--realm', 'b'), /'--realm <name>' .* It is given more than once/],
  ['a username twice', ['revocations', '--username', 'a', '--username', 'b'], /'--username <name>' .* more than once/],
  ['a session twice', invalidate('--session', '1', '--session', '2'), /'--session <id>' .* more than once/],
  ['a reason twice', invalidate('--reason', 'logout', '--reason', 'logout'), /'--reason <reason>' .* more than once/],
  ['a limit twice', ['revocations', '--limit', '20', '--limit', '5'], /'--limit <number>' .* more than once/],
  ['a comment twice', invalidate('--comment', 'a', '--comment', 'b'), /'--comment <text>' .* more than once/],
  ['an argument that is not UTF-8', invalidate('--realm', 'caf\u{fffd}'), /^Expected arguments in UTF-8/],
  ['a header as a comment', invalidate('--realm', 'r', '--comment', header), onCommandLine],
  ['a header without its name', invalidate('--comment', `xyz/${header.split(' ').at(-1)}`), onCommandLine],
  ['a token as an argument', invalidate(token), onCommandLine],
  ['a token as a value', invalidate('--realm', token), onCommandLine],
  ['a token within a comment', invalidate('--realm', 'r', '--comment', `it was ${token}`), onCommandLine],
  ['a client’s secret as an argument', ['client', 'create', `x:its_${'A'.repeat(43)}`], onCommandLine],
  ['no selector', invalidate('--reason', 'logout'), /^Expected one of --token-stdin, .*, got none\.$/],
  ['two selectors', invalidate('--token-stdin', '--username', 'u'), /^Expected one of .*, got 2\.$/],
  [
    'an empty username',
    invalidate('--realm', 'r', '--username', ''),
    /'--username <name>' argument is invalid\. It is empty/,
  ],
  [
    'an empty realm',
    invalidate('--realm', '', '--username', 'u'),
    /'--realm <name>' argument is invalid\. It is empty/,
  ],
  ['an option in place of a value', invalidate('--realm', 'r', '--comment', '--dry-run'), /It looks like an option/],
  ['an instant without an offset', invalidate('--realm', 'r', '--issued-before', '2026-11-21'), /RFC 3339/],
  [
    'the whole session of an owner',
    invalidate('--realm', 'r', '--whole-session'),
    /'--whole-session' cannot be used with/,
  ],
  ['a token and an instant', invalidate('--token-stdin', '--issued-before', '2026-11-21T00:00:00Z'), /cannot be used/],
  ['an unknown reason', invalidate('--realm', 'r', '--reason', 'fun'), /Allowed choices are logout, /],
  ['an id that is not a number', invalidate('--session', 'alice'), /An id is a whole number/],
  ['a limit of zero', ['revocations', '--limit', '0'], /Expected a whole number from 1 to 1000/],
  ['a limit above 1000', ['revocations', '--limit', '1001'], /Expected a whole number from 1 to 1000/],
  ['no scope', ['client', 'create', 'login'], /'--scope <scope>' not specified/],
  ['an unknown scope', ['client', 'create', 'login', '--scope', 'all'], /Allowed choices are create_token, /],
  ['too many seconds', rotate('2592001'), /'--keep-previous <seconds>' .* from 0 to 2592000\./],
  ['seconds that are no number', rotate('1d'), /'--keep-previous <seconds>' .* from 0 to 2592000\./],
  ['seconds twice', [...rotate('1'), '--keep-previous', '2'], /'--keep-previous <seconds>' .* more than once/],
  ['an id with a colon', ['client', 'create', 'a:b', '--scope', 'create_token'], /without a space or a colon\.$/],
])('%s is a usage error, reported in one sentence that repeats no secret', async (_what, args, expected) => {
  expect(await run(args)).toBe(2)
  const text = written.stderr
  written.stderr = ''
  expect(await run([...args, '--json'])).toBe(2)
  const json = written.stderr

  expect(written.stdout).toBe('')
  expect(text).toMatch(/^[^\n]+\n$/)
  expect(text.trim()).toMatch(expected)
  expect(text).not.toMatch(/AAAA|QUFB|hunter2/i)
  const { code, message } = JSON.parse(json).error
  expect(code).toMatch(/^ERR_(USAGE|BAD_INPUT)$/)
  expect(`${message}\n`).toBe(text)
})

test('a name that has a token’s prefix within a word is accepted as a name', async () => {
  // The error is about the selectors, so the name was accepted.
  expect(await run(invalidate('--realm', 'unita_dipartimento', '--session', '1'))).toBe(2)

  expect(written.stderr).toBe(
    'Expected one of --token-stdin, --session, --client, --everything, or --realm and --username, got 2.\n',
  )
})

test('a reason may be spelled as in GraphQL, and base64 that holds no token is accepted', async () => {
  const args = [
    '--reason',
    'CREDENTIAL_COMPROMISE',
    '--comment',
    btoa('a text without a token or any other secret...'),
    '--session',
    '1',
  ]
  expect(await run(invalidate('--realm', 'r', ...args))).toBe(2)

  expect(written.stderr).toBe(
    'Expected one of --token-stdin, --session, --client, --everything, or --realm and --username, got 2.\n',
  )
})

test('the version is the package’s', async () => {
  expect(await run(['--version'])).toBe(0)

  expect(written).toEqual({ stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: '' })
})
