/**
 * The retention ring: which partition a pair's row goes to.
 *
 * Rows are grouped by their expiry, so that a whole group can be dropped at once. The ring has a fixed number of slots.
 * A slot is as wide as a sixth of the longest lifetime, so unexpired rows span at most seven slots (6 + 1). The eighth
 * contains only expired rows and can be emptied before the ring reaches it again.
 */
export const retentionSlots = 8

/** The width of a slot. */
export function slotSeconds(longestLifetimeSeconds: number): number {
  return Math.ceil(longestLifetimeSeconds / (retentionSlots - 2))
}

/** The number of the slot for rows that expire at this time. */
export function slotOf(expiresAt: Date, widthSeconds: number): number {
  return Math.floor(expiresAt.getTime() / 1000 / widthSeconds) % retentionSlots
}
