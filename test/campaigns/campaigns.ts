import type { Campaign } from './campaign.ts'
import { clock } from './clock.ts'
import { crash, drain } from './crash.ts'
import { failover } from './failover.ts'
import { network } from './network.ts'

export const campaigns = { crash, drain, network, failover, clock } as const satisfies Readonly<
  Record<string, Campaign>
>

export type CampaignName = keyof typeof campaigns
