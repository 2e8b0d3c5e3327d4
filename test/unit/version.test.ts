import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { version } from '../../src/version.ts'

test('src/version.ts has the version of package.json', async () => {
  expect(JSON.parse(await readFile('package.json', 'utf8')).version).toBe(version)
})
