import { describe, expect, test } from 'vitest'
import { controls } from '../campaigns/fuzz/controls.ts'
import { corpus } from '../campaigns/fuzz/corpus.ts'
import { fuzz } from '../campaigns/fuzz/run.ts'
import { openFuzzService } from '../campaigns/fuzz/service.ts'
import { useTestService } from '../support/service.ts'

/** The short version of `npm run fuzz`: every tenth fixed input, of every class, and some random ones. */
const service = useTestService()
const sample = corpus.filter((_, index) => index % 10 === 0)

test('the fixed inputs are 3,700 or more, and the sample has every class of them', () => {
  const classesOf = (inputs: typeof corpus) => new Set(inputs.map((input) => input.class))

  expect(corpus.length).toBeGreaterThanOrEqual(3_700)
  expect(classesOf(sample)).toEqual(classesOf(corpus))
})

test('no input has an internal error, gives a secret away, or changes what its caller has no right to', async () => {
  const { findings } = await fuzz(await openFuzzService(service.database), { fixed: sample, random: 300, seed: 42 })

  expect(findings).toEqual([])
})

describe('a service that does one thing wrong is caught:', () => {
  test.for(Object.keys(controls))('%s', async (name) => {
    const opened = await openFuzzService(service.database)
    const send = controls[name]?.(opened) ?? opened.send

    const { findings } = await fuzz(opened, { fixed: sample, random: 0, seed: 1, send, mostFindings: 1 })

    expect(findings).toHaveLength(1)
  })
})
