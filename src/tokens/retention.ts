/**
 * The retention ring: which partition a pair's row goes to.
 *
 * Rows are grouped by the time at which they are past use, so that a group can be dropped whole. The ring has a fixed
 * number of slots. A slot is as wide as a sixth of the longest lifetime, so live rows span at most seven slots and
 * the eighth is always wholly expired, ready to be emptied before the ring comes round to it.
 */
export const retentionSlots = 8

export function slotSeconds(longestLifetimeSeconds: number): number {
  return Math.ceil(longestLifetimeSeconds / (retentionSlots - 2))
}

export function slotOf(expiresAt: Date, widthSeconds: number): number {
  return Math.floor(expiresAt.getTime() / 1000 / widthSeconds) % retentionSlots
}
