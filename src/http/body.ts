import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'

/** The longest body that a route reads, unless it has another limit. Every valid request is shorter. */
const maxBodyBytes = 64 * 1024
/** The same for GraphQL, unless a setting says otherwise: a gateway joins 2,000 entities by 200 kB of keys. */
export const defaultGraphqlBytes = 256 * 1024
/** How many bytes of a longer body are read and discarded (see `drain`). */
const maxDrainedBytes = 16 * 1024 * 1024

/** A request whose form is wrong: it is refused before its content is interpreted. The message is for the client. */
export class UnreadableRequest extends Error {
  readonly status: 400 | 413 | 415

  constructor(status: UnreadableRequest['status'], message: string) {
    super(message)
    this.status = status
  }
}

/**
 * Reads the body of a request as text, and decompresses gzip.
 *
 * It is read here and not by Yoga for two reasons. Yoga pipes every body through a counting stream, which doubles the
 * cost of a request. And it replaces ill-formed UTF-8, so that two different names could become equal.
 *
 * @throws UnreadableRequest
 */
export async function readText(request: Request, maxBytes = maxBodyBytes): Promise<string> {
  const sent = await readBytes(request, maxBytes).catch(rejectIncomplete)
  const bytes = await decompress(sent, request.headers.get('content-encoding'), maxBytes)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new UnreadableRequest(400, 'Expected the body to be UTF-8, got ill-formed bytes')
  }
}

/** @throws UnreadableRequest; its message does not repeat the text that could not be parsed */
export function readJson<Value>(text: string, where: string): Value {
  try {
    return JSON.parse(text)
  } catch {
    throw new UnreadableRequest(400, `Expected the ${where} to be JSON`)
  }
}

/** Whether a value parsed from JSON is an object: `{ … }`. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Counts the members of all objects in a JSON text together. If there are more than were read, a name appears twice:
 * `JSON.parse` silently keeps the last one.
 */
export function countMembers(json: string): number {
  return json.replaceAll(/"(?:[^"\\]|\\.)*"/g, '').split(':').length - 1
}

/** The client disconnected in the middle of its body. That is no fault of the server, so it is not reported as one. */
function rejectIncomplete(error: unknown): never {
  if (error instanceof UnreadableRequest) throw error
  throw new UnreadableRequest(400, 'Expected the whole body, but the connection ended before its end')
}

async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const contentLength = request.headers.get('content-length')
  // If it is a number, the HTTP parser guarantees that the body has this length.
  if (contentLength !== null && /^\d+$/.test(contentLength)) {
    if (Number(contentLength) > maxBytes) throw tooLarge(maxBytes)
    return new Uint8Array(await request.arrayBuffer())
  }
  return request.body === null ? new Uint8Array() : collect(request.body, maxBytes)
}

async function collect(body: ReadableStream<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const reader = body.getReader()
  const parts: Uint8Array[] = []
  for (let length = 0; ; ) {
    const { done, value } = await reader.read()
    if (done) return Buffer.concat(parts)
    length += value.byteLength
    if (length > maxBytes) {
      // It fails only if the client goes away meanwhile.
      void drain(reader).catch(() => undefined)
      throw tooLarge(maxBytes)
    }
    parts.push(value)
  }
}

/**
 * Reads and discards the rest of the body while the answer is sent. A client whose connection is closed too early does
 * not read the answer and sends the same request again.
 */
async function drain(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  for (let length = 0; length < maxDrainedBytes; ) {
    const { done, value } = await reader.read()
    if (done) return
    length += value.byteLength
  }
  await reader.cancel()
}

const gunzipAsync = promisify(gunzip)

/** A few bytes of gzip can expand to gigabytes, so the limit applies to the output. */
async function decompress(bytes: Uint8Array, encoding: string | null, maxBytes: number): Promise<Uint8Array> {
  const name = encoding?.trim().toLowerCase() ?? 'identity'
  if (name === 'identity' || bytes.byteLength === 0) return bytes
  if (name !== 'gzip' && name !== 'x-gzip')
    throw new UnreadableRequest(415, 'Expected `Content-Encoding` to be gzip or identity')
  try {
    return await gunzipAsync(bytes, { maxOutputLength: maxBytes })
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge(maxBytes)
    throw new UnreadableRequest(400, 'Expected the body to be gzip, as `Content-Encoding` says')
  }
}

function tooLarge(maxBytes: number): UnreadableRequest {
  return new UnreadableRequest(413, `Expected a body of at most ${maxBytes} bytes`)
}
