import { gzipSync } from 'node:zlib'
import type { FuzzInput, FuzzRequest } from '../input.ts'

const paths = ['/graphql', '/_security/oauth2/token', '/_xpack/security/oauth2/token', '/_security/_authenticate']
  .concat(['/oauth2/revoke', '/oauth2/introspect', '/oauth2/token', '/oauth2/global-token-revocation', '/', '/health'])
  .concat(['/ready', '/.well-known/oauth-authorization-server', '/unknown', '/graphql/', '//graphql', '/%67raphql'])
  .concat(['/graphql?query=%7B__typename%7D', '/graphql?query=%00', '/graphql?query=%ff', '/%ff', '/%00', '/?a=%'])

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'] as const

const contentTypes = ['application/json', 'application/json; charset=utf-8', 'application/json; charset=utf-16', '']
  .concat(['application/graphql', 'application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain', 'a/b/c'])
  .concat(['multipart/form-data; boundary=x', 'application/vnd.elasticsearch+json;compatible-with=8', 'text/html'])
  .concat(['application/jsonp', 'application/json, text/plain'])

const origins = [undefined, 'http://localhost', 'https://evil.example', 'null']
const accepts = [undefined, '*/*', 'application/json', 'text/html', 'text/event-stream', 'image/png', 'a;q=x']

const bodies: readonly (string | Uint8Array<ArrayBuffer>)[] = [
  '',
  '{}',
  '{"query":"{ __typename }"}',
  'token=x',
  'query=%7B__typename%7D',
  '--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{"query":"{ __typename }"}\r\n--x--',
]

const combined: readonly FuzzRequest[] = [
  ...paths.flatMap((path) => methods.map((method) => ({ method, path, headers: {}, body: '{}' }))),
  ...contentTypes.flatMap((type) =>
    ['/graphql', '/_security/oauth2/token', '/oauth2/revoke'].flatMap((path) =>
      bodies.map((body) => ({ method: 'POST', path, headers: { 'content-type': type }, body })),
    ),
  ),
  ...origins.flatMap((origin) =>
    accepts.flatMap((accept) =>
      (['GET', 'POST', 'OPTIONS'] as const).map((method) => ({
        method,
        path: '/graphql?query=%7B__typename%7D',
        headers: {
          'content-type': 'application/json',
          ...(origin !== undefined && { origin }),
          ...(accept !== undefined && { accept }),
        },
        body: '{"query":"{ __typename }"}',
      })),
    ),
  ),
]

const valid = '{"query":"{ __typename }"}'
const bytes = (...parts: readonly (string | number)[]) =>
  new Uint8Array(Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part)))))

/** Bodies whose bytes are wrong, and what `Content-Encoding` says of them. */
const wrongBytes: readonly (readonly [encoding: string, body: Uint8Array<ArrayBuffer>])[] = [
  ['identity', bytes('{"query":"', 0xff, 0xfe, '"}')],
  ['identity', bytes('{"query":"', 0xc0, 0x8a, '"}')],
  ['identity', bytes('{"query":"', 0xed, 0xa0, 0x80, '"}')],
  ['identity', bytes('token=', 0xff)],
  ['identity', bytes(0xef, 0xbb, 0xbf, valid)],
  ['identity', new Uint8Array(Buffer.from(valid, 'utf16le'))],
  ['identity', bytes('\0\0\0\0')],
  ['identity', bytes('['.repeat(100_000))],
  ['identity', bytes('{"a":'.repeat(40_000))],
  ['identity', bytes(valid.padEnd(300_000))],
  ['identity', bytes(valid.padEnd(1_000_000))],
  ['gzip', bytes(valid)],
  ['gzip', new Uint8Array(gzipSync(valid))],
  ['gzip', new Uint8Array(gzipSync(valid).subarray(0, -9))],
  ['gzip', new Uint8Array(gzipSync(Buffer.alloc(20_000_000, ' ')))],
  ['gzip', new Uint8Array(gzipSync(gzipSync(Buffer.alloc(20_000_000))))],
  ['gzip, gzip', new Uint8Array(gzipSync(gzipSync(valid)))],
  ['deflate', bytes(valid)],
  ['br', bytes(valid)],
  ['__proto__', bytes(valid)],
  ['', bytes(valid)],
  ...Array.from({ length: valid.length }, (_, length) => ['identity', bytes(valid.slice(0, length))] as const),
]

const withWrongBytes: readonly FuzzRequest[] = wrongBytes.flatMap(([encoding, body]) =>
  [
    ['/graphql', 'application/json'] as const,
    ['/_security/oauth2/token', 'application/json'] as const,
    ['/oauth2/revoke', 'application/x-www-form-urlencoded'] as const,
  ].map(([path, type]) => ({
    method: 'POST',
    path,
    headers: { 'content-type': type, ...(encoding !== 'identity' && { 'content-encoding': encoding }) },
    body,
  })),
)

const inputsOf = (name: string, requests: readonly FuzzRequest[]): readonly FuzzInput[] =>
  requests.flatMap((request) =>
    (['anonymous', 'client all'] as const).map(
      (caller): FuzzInput => ({ class: name, caller, request: () => request }),
    ),
  )

export const httpInputs: readonly FuzzInput[] = [
  ...inputsOf('HTTP', combined),
  ...inputsOf('bytes of bodies', withWrongBytes),
]
