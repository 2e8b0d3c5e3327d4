import type { Refusal } from '../http/admission.ts'

/**
 * The singleton fields that this service reads, in lower case. RFC 9110 §5.3: a sender "MUST NOT generate multiple field
 * lines with the same name in a message […] unless that field's definition allows multiple field line values to be
 * recombined as a comma-separated list". The definitions of these allow one value: §7.2, §8.3, §8.6, §11.6.2, and RFC
 * 6454 §7.
 *
 * Lists may be repeated (`Accept`, `Accept-Encoding`, `Content-Encoding`, `If-None-Match`): node:http joins their lines.
 * So may singletons that are not read here (`User-Agent`, `Referer`), because nothing depends on them.
 */
const singletonFields = ['host', 'origin', 'content-type', 'authorization', 'content-length'] as const

interface Singleton {
  readonly name: string
  /** A power of two: a set of these fields is a sum. */
  readonly bit: number
  readonly refusal: Refusal
}

/** No two of these fields have the same length, so a name's length says which one it could be. */
const singletonsByLength: readonly (Singleton | undefined)[] = Array.from({ length: 15 }, (_, length) => {
  const position = singletonFields.findIndex((name) => name.length === length)
  const name = singletonFields[position]
  return name && { name, bit: 1 << position, refusal: refusalOf(name) }
})

/**
 * The refusal of a request that has a singleton field twice; undefined for any other request.
 *
 * node:http keeps the first line of most of these fields and drops the others without notice, and a proxy in front may
 * have judged the last one: the caller would be another one than the proxy has let pass. So `rawHeaders` is read, which
 * holds all names and values in turn. That takes 0.2 µs for a request with ten fields, and allocates nothing.
 */
export function refuseRepeatedField(rawHeaders: readonly string[]): Refusal | undefined {
  let seen = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    const singleton = singletonsByLength[name.length]
    if (singleton === undefined || !isSameName(name, singleton.name)) continue
    if ((seen & singleton.bit) !== 0) return singleton.refusal
    seen |= singleton.bit
  }
  return undefined
}

/** Compares without `toLowerCase`, which would allocate. The HTTP parser lets only letters and `-` match these names. */
function isSameName(name: string, lowerCase: string): boolean {
  for (let index = 0; index < lowerCase.length; index++)
    if ((name.charCodeAt(index) | 0x20) !== lowerCase.charCodeAt(index)) return false
  return true
}

function refusalOf(name: string): Refusal {
  const spelled = name.replaceAll(/\b[a-z]/g, (letter) => letter.toUpperCase())
  const message = `Expected the header \`${spelled}\` once, got it more than once.`
  return { status: 400, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ message }) }
}
