/** RFC 3339 with an offset: without an offset, the text would mean another instant on each server. */
const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)T\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/i

/**
 * The instant that a text names; undefined if it names none. JavaScript reads 30 February as 2 March; here it is
 * refused.
 */
export function parseInstant(text: string): Date | undefined {
  const [year = 0, month = 0, day = 0] = (rfc3339.exec(text) ?? []).slice(1).map(Number)
  const isDay = new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day
  const instant = new Date(isDay ? text : Number.NaN)
  return Number.isNaN(instant.getTime()) ? undefined : instant
}
