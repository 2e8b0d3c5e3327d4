import { expect, test } from 'vitest'
import { createLogger, logEvents } from '../../src/telemetry.ts'

const read = (format: 'json' | 'pretty', level: 'info' | 'error' = 'info') => {
  const lines: string[] = []
  return { lines, emit: logEvents(createLogger((line) => void lines.push(line), { format, level })) }
}

test('for a person a line has the time, the level, the event, its facts and what it means', () => {
  const { lines, emit } = read('pretty')

  emit({ name: 'authentication_failed', facts: { address: '192.0.2.1', client: 'login' } })

  expect(lines).toEqual([
    expect.stringMatching(
      /^\d\d:\d\d:\d\d\.\d{3} warn {2}authentication_failed address=192\.0\.2\.1 client=login {2}Credentials were refused: .*\n$/,
    ),
  ])
})

test('what a caller chose forges no line, and no colour of a terminal', () => {
  const { lines, emit } = read('pretty')

  emit({ name: 'authentication_failed', facts: { client: 'a\n09:30:00.123 error\u001b[31m' } })

  expect(lines).toHaveLength(1)
  expect(lines[0]?.match(/\n/g)).toHaveLength(1)
  expect(lines[0]).toContain('client=a\\n09:30:00.123 error\\u001b[31m')
})

test('a token in an error of other software is in neither form', () => {
  const error = new Error(`cannot read ita_${'A'.repeat(56)}`)

  for (const { lines, emit } of [read('json'), read('pretty')]) {
    emit({ name: 'unexpected_error', error })

    expect(lines.join()).toContain('cannot read [token]')
    expect(lines.join()).not.toContain('AAAA')
  }
})

test('lines below the level are not written', () => {
  const { lines, emit } = read('json', 'error')

  emit({ name: 'authentication_failed' })

  expect(lines).toEqual([])
})
