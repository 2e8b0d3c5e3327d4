/**
 * A set of ids that come from one sequence, so they lie close together: exact, and 0.3 to 3 bytes an id. It is cut into
 * chunks of 65,536 ids; a chunk is a sorted list of 16 bits an id, and with more than `mostListed` ids a bitmap of 8 KB.
 */
export class IdSet {
  readonly #chunks = new Map<number, Chunk>()
  readonly #mostListed: number
  #size = 0

  /** `mostListed`: 1,024 to be asked quickly, 4,096 to be small. */
  constructor(mostListed: number) {
    this.#mostListed = mostListed
  }

  get size(): number {
    return this.#size
  }

  /** Of the ids, without what the engine takes for the objects that hold them. */
  get bytes(): number {
    let bytes = 0
    for (const chunk of this.#chunks.values()) bytes += chunk.bytes
    return bytes
  }

  has(id: number): boolean {
    const high = Math.floor(id / chunkIds)
    return this.#chunks.get(high)?.has(id - high * chunkIds) ?? false
  }

  add(id: number): void {
    const high = Math.floor(id / chunkIds)
    let chunk = this.#chunks.get(high)
    if (chunk === undefined) {
      chunk = new Chunk()
      this.#chunks.set(high, chunk)
    }
    if (chunk.add(id - high * chunkIds, this.#mostListed)) this.#size++
  }

  delete(id: number): void {
    const high = Math.floor(id / chunkIds)
    const chunk = this.#chunks.get(high)
    if (chunk === undefined || !chunk.delete(id - high * chunkIds)) return
    this.#size--
    if (chunk.size === 0) this.#chunks.delete(high)
  }

  /** The ids, one chunk after the other. */
  *chunks(): Generator<readonly number[], void, undefined> {
    for (const [high, chunk] of this.#chunks) yield chunk.values().map((low) => high * chunkIds + low)
  }
}

const chunkIds = 65_536
const wordBits = 32

class Chunk {
  size = 0
  /** The first `size` values are the ids, ascending. Undefined for a bitmap. */
  #list: Uint16Array | undefined = new Uint16Array(4)
  #bits: Uint32Array | undefined

  get bytes(): number {
    return (this.#list ?? this.#bits)?.byteLength ?? 0
  }

  has(low: number): boolean {
    if (this.#bits !== undefined) return ((this.#bits[low >>> 5] ?? 0) & (1 << (low & 31))) !== 0
    return this.#placeInList(low) !== undefined
  }

  /** Answers whether it was not there. */
  add(low: number, mostListed: number): boolean {
    if (this.#list !== undefined && this.size >= mostListed) this.#toBits(this.#list)
    const added = this.#list === undefined ? this.#addBit(low) : this.#insert(this.#list, low)
    if (added) this.size++
    return added
  }

  /** Answers whether it was there. */
  delete(low: number): boolean {
    if (!this.has(low)) return false
    const place = this.#placeInList(low)
    if (place !== undefined) this.#list?.copyWithin(place, place + 1, this.size)
    else if (this.#bits !== undefined) this.#bits[low >>> 5] = (this.#bits[low >>> 5] ?? 0) & ~(1 << (low & 31))
    this.size--
    // A bitmap that is nearly empty costs more than a list. (Half of what made it one, so that it does not go to and fro.)
    if (this.#bits !== undefined && this.size < fewBits) this.#toList()
    return true
  }

  values(): number[] {
    if (this.#list !== undefined) return [...this.#list.subarray(0, this.size)]
    const values: number[] = []
    this.#bits?.forEach((word, place) => {
      for (let rest = word; rest !== 0; rest &= rest - 1) values.push(place * wordBits + 31 - Math.clz32(rest & -rest))
    })
    return values
  }

  #placeInList(low: number): number | undefined {
    if (this.#list === undefined) return undefined
    const place = placeOf(this.#list, this.size, low)
    // A value beyond `size` may be left over from before.
    return place < this.size && this.#list[place] === low ? place : undefined
  }

  #addBit(low: number): boolean {
    const word = this.#bits?.[low >>> 5] ?? 0
    const bit = 1 << (low & 31)
    if ((word & bit) !== 0) return false
    if (this.#bits !== undefined) this.#bits[low >>> 5] = word | bit
    return true
  }

  #insert(list: Uint16Array, low: number): boolean {
    const place = placeOf(list, this.size, low)
    if (place < this.size && list[place] === low) return false
    const target = this.size < list.length ? list : grown(list)
    target.copyWithin(place + 1, place, this.size)
    target[place] = low
    this.#list = target
    return true
  }

  #toBits(list: Uint16Array): void {
    const bits = new Uint32Array(chunkIds / wordBits)
    for (const low of list.subarray(0, this.size)) bits[low >>> 5] = (bits[low >>> 5] ?? 0) | (1 << (low & 31))
    this.#bits = bits
    this.#list = undefined
  }

  #toList(): void {
    this.#list = Uint16Array.from(this.values())
    this.#bits = undefined
  }
}

const fewBits = 512

/** The place of the first value that is not below, of the first `size`. */
function placeOf(list: Uint16Array, size: number, low: number): number {
  // Ids come mostly in order, so the end is looked at first.
  if (size === 0 || (list[size - 1] ?? 0) < low) return size
  let [from, to] = [0, size - 1]
  while (from < to) {
    const middle = (from + to) >>> 1
    if ((list[middle] ?? 0) < low) from = middle + 1
    else to = middle
  }
  return from
}

function grown(list: Uint16Array): Uint16Array {
  const larger = new Uint16Array(Math.min(chunkIds, Math.ceil(list.length * 1.5)))
  larger.set(list)
  return larger
}
