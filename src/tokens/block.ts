/**
 * A block: a compact encoding of some revocations, for guards. It holds what decides whether an access token has ended,
 * and nothing else: no caller, comment, reason or count.
 *
 *     format (1 byte, 1), then sections to the end, each: kind (1 byte), count (varint), body
 *
 *     1  access tokens   pair ids, ascending, each as the difference to the one before
 *     2  sessions        session ids, the same
 *     3  owners          for each: flags (1 realm, 2 username, 4 spared, 8 client; no name: everything), the names
 *                        (length, UTF-8), bound, spared session
 *     7  age             count is the age in whole seconds of what follows, up to the next section of this kind
 *
 * A varint is unsigned, 7 bits in a byte, the lowest first. To apply a block twice, or two blocks in another order,
 * comes to the same, because sets grow and bounds take their maximum.
 *
 * Imports no code, so that it runs wherever a guard does.
 */
import type { Revocation } from './coverage.ts'

/** Revocations that were made about equally long ago. */
export interface BlockSection {
  /** How long ago they were made, in seconds, or less. */
  readonly ageSeconds: number
  /** Pair ids of single access tokens. */
  readonly accessTokens: readonly number[]
  readonly sessions: readonly number[]
  readonly owners: readonly OwnerRevocation[]
}

/** Ends the sessions below `bound`: those of the owners it names, those that a client created, or without a name all. */
export type OwnerRevocation = Pick<Revocation, 'realm' | 'username' | 'clientId' | 'sparedSessionId'> & {
  readonly bound: number
}

/** How long a revocation can matter to a guard: the longest access token, and 300 s for clocks that differ. */
export const horizonSeconds = 3_900

/** Revocations of one age are sent, remembered and forgotten together: five generations, and one in which they leave. */
export const generationSeconds = 975

/** A block that this version cannot read. A reader must not guess: what it skips could be a revocation. */
export class UnreadableBlock extends Error {}

const format = 1
const kinds = { accessTokens: 1, sessions: 2, owners: 3, age: 7 } as const
const flags = { realm: 1, username: 2, spared: 4, client: 8 } as const

/** What the revocations mean to a guard, in one section. A refresh token means nothing: no gateway takes one. */
export function sectionOf(revocations: readonly Revocation[]): BlockSection {
  const accessTokens: number[] = []
  const sessions: number[] = []
  const owners: OwnerRevocation[] = []
  for (const { selector, pairId, sessionId, bound, ...names } of revocations) {
    if (selector === 'access-token' && pairId !== undefined) accessTokens.push(pairId)
    else if (selector === 'session' && sessionId !== undefined) sessions.push(sessionId)
    else if (bound !== undefined && selector !== 'session') owners.push(ownerRevocation({ ...names, bound }))
  }
  return { ageSeconds: 0, accessTokens, sessions, owners }
}

function ownerRevocation({ realm, username, clientId, bound, sparedSessionId }: OwnerRevocation): OwnerRevocation {
  return { realm, username, clientId, bound, sparedSessionId }
}

export const nothingAppended: BlockSection = { ageSeconds: 0, accessTokens: [], sessions: [], owners: [] }

/** Sections of several notifications as one. Only for sections of the same age. */
export function joinSections(sections: readonly BlockSection[]): BlockSection {
  return {
    ageSeconds: sections[0]?.ageSeconds ?? 0,
    accessTokens: sections.flatMap(({ accessTokens }) => accessTokens),
    sessions: sections.flatMap(({ sessions }) => sessions),
    owners: sections.flatMap(({ owners }) => owners),
  }
}

export function isEmptySection({ accessTokens, sessions, owners }: BlockSection): boolean {
  return accessTokens.length === 0 && sessions.length === 0 && owners.length === 0
}

export function encodeBlock(sections: readonly BlockSection[]): Uint8Array<ArrayBuffer> {
  const writer = new Writer()
  writer.byte(format)
  for (const section of sections) {
    if (section.ageSeconds > 0) writer.header(kinds.age, section.ageSeconds)
    writeIds(writer, kinds.accessTokens, section.accessTokens)
    writeIds(writer, kinds.sessions, section.sessions)
    if (section.owners.length > 0) writer.header(kinds.owners, section.owners.length)
    for (const owner of section.owners) writeOwner(writer, owner)
  }
  return writer.written()
}

function writeIds(writer: Writer, kind: number, ids: readonly number[]): void {
  if (ids.length === 0) return
  const ascending = isAscending(ids) ? ids : [...new Set(ids)].sort((one, other) => one - other)
  writer.header(kind, ascending.length)
  let before = 0
  for (const id of ascending) {
    writer.varint(id - before)
    before = id
  }
}

function isAscending(ids: readonly number[]): boolean {
  return ids.every((id, place) => place === 0 || id > (ids[place - 1] ?? 0))
}

function writeOwner(writer: Writer, { realm, username, clientId, bound, sparedSessionId }: OwnerRevocation): void {
  writer.byte(
    (realm === undefined ? 0 : flags.realm) |
      (username === undefined ? 0 : flags.username) |
      (sparedSessionId === undefined ? 0 : flags.spared) |
      (clientId === undefined ? 0 : flags.client),
  )
  for (const name of [realm, username, clientId]) if (name !== undefined) writer.text(name)
  writer.varint(bound)
  if (sparedSessionId !== undefined) writer.varint(sparedSessionId)
}

/**
 * Reads a block from untrusted bytes. What it allocates is bounded by their length.
 *
 * @throws UnreadableBlock: another format, an unknown kind of section, or bytes that are no block
 */
export function decodeBlock(bytes: Uint8Array): readonly BlockSection[] {
  const reader = new Reader(bytes)
  const found = reader.byte()
  if (found !== format) throw new UnreadableBlock(`Expected a block of format ${format}, got ${found}`)
  const sections: Writable<BlockSection>[] = []
  let section: Writable<BlockSection> | undefined
  const begin = (ageSeconds: number) => {
    const begun = { ageSeconds, accessTokens: [], sessions: [], owners: [] }
    sections.push(begun)
    return begun
  }
  while (!reader.isAtEnd) {
    const kind = reader.byte()
    const count = reader.varint()
    if (kind === kinds.age) {
      section = begin(count)
      continue
    }
    section ??= begin(0)
    // Each entry takes at least a byte, so a count that the rest cannot hold is refused before anything is made of it.
    if (count > reader.left) throw new UnreadableBlock('Expected as many entries as the block says')
    if (kind === kinds.accessTokens) section.accessTokens = joined(section.accessTokens, reader.ids(count))
    else if (kind === kinds.sessions) section.sessions = joined(section.sessions, reader.ids(count))
    else if (kind === kinds.owners) section.owners = joined(section.owners, readOwners(reader, count))
    else throw new UnreadableBlock(`Expected a section of a known kind, got ${kind}`)
  }
  return sections
}

function joined<Entry>(some: readonly Entry[], more: readonly Entry[]): readonly Entry[] {
  return some.length === 0 ? more : [...some, ...more]
}

type Writable<Value> = { -readonly [Key in keyof Value]: Value[Key] }

function readOwners(reader: Reader, count: number): readonly OwnerRevocation[] {
  const owners: OwnerRevocation[] = []
  for (let read = 0; read < count; read++) owners.push(readOwner(reader))
  return owners
}

function readOwner(reader: Reader): OwnerRevocation {
  const present = reader.byte()
  if (present > 15) throw new UnreadableBlock('Expected known flags of an owner')
  return {
    realm: present & flags.realm ? reader.text() : undefined,
    username: present & flags.username ? reader.text() : undefined,
    clientId: present & flags.client ? reader.text() : undefined,
    bound: reader.varint(),
    sparedSessionId: present & flags.spared ? reader.varint() : undefined,
  }
}

const utf8Encoder = new TextEncoder()
const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

class Writer {
  #bytes = new Uint8Array(256)
  #length = 0

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  header(kind: number, count: number): void {
    this.byte(kind)
    this.varint(count)
  }

  varint(value: number): void {
    this.#reserve(8)
    let rest = value
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.#bytes[this.#length++] = (rest % 128) | 0x80
    this.#bytes[this.#length++] = rest
  }

  text(value: string): void {
    const encoded = utf8Encoder.encode(value)
    this.varint(encoded.length)
    this.#reserve(encoded.length)
    this.#bytes.set(encoded, this.#length)
    this.#length += encoded.length
  }

  written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length)
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return
    const grown = new Uint8Array((this.#length + count) * 2)
    grown.set(this.#bytes)
    this.#bytes = grown
  }
}

class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  byte(): number {
    const value = this.#bytes[this.#at]
    if (value === undefined) throw new UnreadableBlock('Expected more bytes: the block is cut off')
    this.#at++
    return value
  }

  varint(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = this.byte()
      value += (byte & 0x7f) * factor
      if (value > Number.MAX_SAFE_INTEGER || factor > 2 ** 49) throw new UnreadableBlock('Expected a number below 2^53')
      if (byte < 0x80) return value
    }
  }

  ids(count: number): number[] {
    const ids: number[] = []
    let id = 0
    for (let read = 0; read < count; read++) {
      id += this.varint()
      ids.push(id)
    }
    if (id > Number.MAX_SAFE_INTEGER) throw new UnreadableBlock('Expected ids below 2^53')
    return ids
  }

  text(): string {
    const length = this.varint()
    if (length > this.left) throw new UnreadableBlock('Expected a text as long as the block says')
    const encoded = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    try {
      return utf8Decoder.decode(encoded)
    } catch {
      throw new UnreadableBlock('Expected text in UTF-8')
    }
  }
}
