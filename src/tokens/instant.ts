/** RFC 3339 with an offset: a time without one would mean another instant on each server. */
const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/i

/** The instant that a text names; undefined if it names none. */
export function parseInstant(text: string): Date | undefined {
  const instant = rfc3339.test(text) ? new Date(text) : undefined
  return instant === undefined || Number.isNaN(instant.getTime()) ? undefined : instant
}
