import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'

/** More than the largest request that means something here needs, and too little to keep a server busy. */
export const mostBodyBytes = 64 * 1024
/** How much of what comes beyond that is let go by. */
const mostDrainedBytes = 16 * 1024 * 1024

/** A request that is refused for its form, before anybody looks at what it says. The message is for its sender. */
export class UnreadableRequest extends Error {
  readonly status: 400 | 413 | 415

  constructor(status: UnreadableRequest['status'], message: string) {
    super(message)
    this.status = status
  }
}

/**
 * The body of a request as text, unpacked if it came as gzip.
 *
 * Read here and not by Yoga because Yoga pipes every body through a counting stream (twice the cost of a request)
 * and replaces ill-formed UTF-8, by which two names become one.
 *
 * @throws UnreadableRequest
 */
export async function readText(request: Request): Promise<string> {
  const bytes = await unpack(await readBytes(request).catch(breakOff), request.headers.get('content-encoding'))
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new UnreadableRequest(400, 'Expected the body to be UTF-8, got ill-formed bytes')
  }
}

/** @throws UnreadableRequest, which does not repeat what the parser stumbled over */
export function readJson<Value>(text: string, where: string): Value {
  try {
    return JSON.parse(text)
  } catch {
    throw new UnreadableRequest(400, `Expected the ${where} to be JSON`)
  }
}

/** What `{ … }` is read to. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * How many members all objects of a JSON text have together. More than were read means that one was named twice, of
 * which `JSON.parse` keeps the last without a word.
 */
export function countMembers(json: string): number {
  return json.replaceAll(/"(?:[^"\\]|\\.)*"/g, '').split(':').length - 1
}

/** Its sender went away in the middle: no fault of ours, and nobody reads the answer. */
function breakOff(error: unknown): never {
  if (error instanceof UnreadableRequest) throw error
  throw new UnreadableRequest(400, 'Expected the whole body, and it broke off')
}

async function readBytes(request: Request): Promise<Uint8Array> {
  const announced = request.headers.get('content-length')
  // Where it is a number, the HTTP parser sees to it that the body is as long as announced.
  if (announced !== null && /^\d+$/.test(announced)) {
    if (Number(announced) > mostBodyBytes) throw tooLarge()
    return new Uint8Array(await request.arrayBuffer())
  }
  return request.body === null ? new Uint8Array() : collect(request.body)
}

async function collect(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const reader = body.getReader()
  const parts: Uint8Array[] = []
  for (let length = 0; ; ) {
    const { done, value } = await reader.read()
    if (done) return Buffer.concat(parts)
    length += value.byteLength
    if (length > mostBodyBytes) {
      void drain(reader).catch(() => undefined)
      throw tooLarge()
    }
    parts.push(value)
  }
}

/** Reads on while the answer goes out: a sender who is cut off does not read it, and sends the same again. */
async function drain(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  for (let length = 0; length < mostDrainedBytes; ) {
    const { done, value } = await reader.read()
    if (done) return
    length += value.byteLength
  }
  await reader.cancel()
}

const gunzipped = promisify(gunzip)

/** A few bytes of gzip can stand for gigabytes: the limit is on what comes out. */
async function unpack(bytes: Uint8Array, encoding: string | null): Promise<Uint8Array> {
  const name = encoding?.trim().toLowerCase() ?? 'identity'
  if (name === 'identity' || bytes.byteLength === 0) return bytes
  if (name !== 'gzip' && name !== 'x-gzip')
    throw new UnreadableRequest(415, 'Expected `Content-Encoding` to be gzip or identity')
  try {
    return await gunzipped(bytes, { maxOutputLength: mostBodyBytes })
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge()
    throw new UnreadableRequest(400, 'Expected the body to be gzip, as `Content-Encoding` says')
  }
}

function tooLarge(): UnreadableRequest {
  return new UnreadableRequest(413, `Expected a body of at most ${mostBodyBytes} bytes`)
}
