import { bigint, customType } from 'drizzle-orm/pg-core'

export const bytes = customType<{ data: Uint8Array; driverData: Uint8Array }>({ dataType: () => 'bytea' })

/** A transaction id of 64 bits. Postgres compares it; this code only passes it on. */
export const xid = customType<{ data: string; driverData: string }>({ dataType: () => 'xid8' })

/** Ids and revisions stay below 2^48 (they have 6 bytes in a token), so a JavaScript number holds each exactly. */
export const revisionColumn = (name: string) => bigint(name, { mode: 'number' })

/**
 * An instant. A statement selects it by `instantOf`, as a number: the server, the database or the role decides how its
 * text looks (`DateStyle`, `TimeZone`). Of 5 November, `SQL, DMY` makes text that JavaScript reads as 11 May. So to read
 * the text is an error here, under every setting.
 */
export const instant = customType<{ data: Date; driverData: string }>({
  dataType: () => 'timestamp with time zone',
  toDriver: (at) => at.toISOString(),
  fromDriver: () => {
    throw new Error('A statement selects an instant as text: select it by `instantOf`')
  },
})
