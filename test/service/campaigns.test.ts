import { describe, expect, test } from 'vitest'
import { playCampaign } from '../campaigns/campaign.ts'
import { type CampaignName, campaigns } from '../campaigns/campaigns.ts'
import { isFaketimeMissing } from '../campaigns/clock.ts'
import { isMountRefused } from '../campaigns/disk.ts'
import { playGuardCampaign } from '../campaigns/guard.ts'
import { countViolations } from '../campaigns/ledger.ts'
import { isDumpMissing } from '../campaigns/restore.ts'

/** Short versions of `npm run campaign`: they break the same things, a few times. */
const names = Object.keys(campaigns).filter(isCampaign)

function isCampaign(name: string): name is CampaignName {
  if (name === 'clock' && isFaketimeMissing) return false
  if (name === 'restore' && isDumpMissing) return false
  return Object.hasOwn(campaigns, name) && !(name === 'disk' && isMountRefused)
}

const timeout = 180_000

describe('nothing that was acknowledged is lost, and no repetition ends a login, when', () => {
  test.for(names)('%s', { timeout }, async (name) => {
    const tally = await playCampaign(campaigns[name], { runs: 2, seed: 42, operations: 150, isControl: false })

    expect(tally.evidence).toEqual([])
    expect(tally.runs).toBe(2)
    expect(tally.acknowledged).toBeGreaterThan(100)
  })
})

describe('a service without one of its guarantees is caught:', () => {
  test.for(names)('%s', { timeout }, async (name) => {
    const options = { runs: 20, seed: 42, operations: 150, isControl: true, stopsAtViolation: true }

    expect(countViolations(await playCampaign(campaigns[name], options))).toBeGreaterThan(0)
  })
})

describe('a guard that is cut from what it follows', () => {
  test('accepts no invalidated token longer than its bound, and none once all works again', { timeout }, async () => {
    const tally = await playGuardCampaign({ runs: 3, seed: 42, isControl: false })

    expect(tally.evidence).toEqual([])
    expect(tally.acknowledged + tally.unknown).toBe(18)
    expect(tally.checks).toBeGreaterThan(100)
  })

  test('is caught if it lets tokens pass while it knows too little', { timeout }, async () => {
    const tally = await playGuardCampaign({ runs: 20, seed: 3, isControl: true, stopsAtViolation: true })

    expect(tally.acceptedLate).toBeGreaterThan(0)
  })
})
