/**
 * The `date-time` of RFC 3339 §5.6. An offset is required: without one, the text would mean another instant on each
 * server. §5.6: "T" and "Z" "may alternatively be lower case". A space in place of the "T" is refused: §5.6 leaves it to
 * each application.
 */
const dateTime =
  /^(\d{4})-(0[1-9]|1[0-2])-(\d\d)T((?:[01]\d|2[0-3]):[0-5]\d):([0-5]\d|60)(?:\.(\d+))?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/i

/**
 * The instant that a text names; undefined if it names none. `Date` alone reads 30 February as 2 March and 24:00 as
 * the next day; here both are refused. §5.7: "this profile of ISO 8601 only allows values between "00" and "23" for the
 * hour".
 *
 * Digits after the third of a fraction are ignored, as `Date` has milliseconds. A leap second is read as the second
 * after it, as Postgres reads it: neither has an instant of its own for it.
 */
export function parseInstant(text: string): Date | undefined {
  const [, year, month, day, minute, second, fraction = '', offset] = dateTime.exec(text) ?? []
  if (offset === undefined || !isDay(Number(year), Number(month), Number(day))) return undefined
  const until = `${year}-${month}-${day}T${minute}`
  const since = `.${fraction.slice(0, 3).padEnd(3, '0')}${offset.toUpperCase()}`
  if (second !== '60') return new Date(`${until}:${second}${since}`)
  const next = new Date(Date.parse(`${until}:59${since}`) + 1000)
  return isAfterLeapSecond(next) ? next : undefined
}

/** The calendar repeats after 400 years. `Date.UTC` takes the years 0 to 99 for 1900 to 1999. */
function isDay(year: number, month: number, day: number): boolean {
  return new Date(Date.UTC(2000 + (year % 400), month - 1, day)).getUTCDate() === day
}

/**
 * §5.7: "time-second may have the value "60" at the end of months in which a leap second occurs -- to date: June
 * (XXXX-06-30T23:59:60Z) or December (XXXX-12-31T23:59:60Z)", and "in time zones other than "Z", the leap second point
 * is shifted by the zone offset". Any year may have one: those to come are not known.
 */
function isAfterLeapSecond(next: Date): boolean {
  return /-(?:01|07)-01T00:00:00\.\d{3}Z$/.test(next.toISOString())
}
