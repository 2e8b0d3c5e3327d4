import type { Campaign } from './campaign.ts'
import { clock } from './clock.ts'
import { crash, drain } from './crash.ts'
import { disk } from './disk.ts'
import { failover } from './failover.ts'
import { lock } from './lock.ts'
import { network } from './network.ts'
import { restore } from './restore.ts'

export const campaigns = { crash, drain, network, lock, disk, failover, restore, clock } as const satisfies Readonly<
  Record<string, Campaign>
>

export type CampaignName = keyof typeof campaigns
