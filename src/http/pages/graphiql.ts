import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { type GraphQLSchema, introspectionFromSchema } from 'graphql'
import type { GraphiqlTab } from './graphiql-tab.ts'
import { graphiqlTabs } from './graphiql-tabs.ts'

/** Whom the page speaks to, and what may be said there. */
export interface GraphiqlPageOptions {
  /** The path of the GraphQL route, on the origin that serves the page: the page may call no other. */
  readonly endpoint: string
  /**
   * What the endpoint serves. It is put into the page, since GraphiQL would ask for it with the headers of the open
   * tab: a placeholder there, or a token that has just been invalidated, and it would be left without a schema.
   */
  readonly schema: GraphQLSchema
}

interface RenderedPage {
  readonly gzipped: Uint8Array<ArrayBuffer>
  readonly fingerprint: string
  readonly policy: string
}

const title = 'invalidate-token'

/**
 * Keeps all tabs in sight in a window 1280 pixels wide and the title on one line. And keeps the tabs still: GraphiQL
 * gives several default tabs a displacement that shows as soon as one is pressed, so that the click goes astray.
 */
const style = `<style>
  .graphiql-tab.graphiql-tab { transform: none !important }
  .graphiql-tabs.graphiql-tabs { gap: 4px }
  .graphiql-tab .graphiql-tab-button { font-size: 13px }
  .graphiql-tab:not(.graphiql-tab-active) .graphiql-tab-button { padding-right: 8px }
  .graphiql-container .graphiql-logo { font-size: 14px; white-space: nowrap }
</style>`

const compress = promisify(gzip)
const decompress = promisify(gunzip)

/**
 * Makes the handler that answers with GraphiQL, our operations ready in its tabs.
 *
 * The page is rendered and compressed once, at the first request: 9 MB, 2.4 MB gzipped; 0.6 s on 2 cores, 0.2 s of it
 * on the main thread. Requests that come meanwhile wait for the same page. It loads nothing else from anywhere.
 * Only the gzipped bytes are kept: a client that takes no gzip has them unpacked for itself.
 *
 * The handler answers any request: ask `wantsPage` first.
 */
export function createGraphiqlPage(options: GraphiqlPageOptions): (request: Request) => Promise<Response> {
  let rendering: Promise<RenderedPage> | undefined
  return async (request) => {
    rendering ??= renderPage(options)
    return answer(request, await rendering)
  }
}

/**
 * Whether the request is a browser that opens the endpoint, rather than a client with an operation.
 *
 * HTML must be named and preferred to the JSON types that are named: a client that takes anything (curl,
 * `fetch`) wants JSON.
 */
export function wantsPage(request: Request): boolean {
  if (request.method !== 'GET' || new URL(request.url).searchParams.has('query')) return false
  const weights = readWeights(request.headers.get('accept'))
  const html = weights.get('text/html') ?? 0
  const json = Math.max(weights.get('application/json') ?? 0, weights.get('application/graphql-response+json') ?? 0)
  return html > json
}

async function answer(request: Request, page: RenderedPage): Promise<Response> {
  const gzipped = takesGzip(request)
  // A strong ETag names bytes, so each coding has its own (RFC 9110 §8.8.3.3).
  const etag = gzipped ? `"${page.fingerprint}-gzip"` : `"${page.fingerprint}"`
  const headers = pageHeaders(page, etag)
  if (isKnown(request, etag)) return new Response(null, { status: 304, headers })

  headers.set('content-type', 'text/html; charset=utf-8')
  if (!gzipped) return new Response(await decompress(page.gzipped), { headers })
  headers.set('content-encoding', 'gzip')
  return new Response(page.gzipped, { headers })
}

function pageHeaders(page: RenderedPage, etag: string): Headers {
  return new Headers({
    etag,
    'cache-control': 'no-cache',
    // The same path answers in JSON too.
    vary: 'accept, accept-encoding',
    'content-security-policy': page.policy,
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  })
}

/** "If-None-Match … uses the weak comparison" (RFC 9110 §13.1.2): a proxy on the way may have weakened the tag. */
function isKnown(request: Request, etag: string): boolean {
  const known = splitList(request.headers.get('if-none-match'))
  return known.some((tag) => tag === '*' || tag.replace(/^W\//, '') === etag)
}

function takesGzip(request: Request): boolean {
  const weights = readWeights(request.headers.get('accept-encoding'))
  return (weights.get('gzip') ?? weights.get('*') ?? 0) > 0
}

/** Reads a header such as `text/html, application/json;q=0.9` into the weight of each name, 0 to 1. */
function readWeights(header: string | null): ReadonlyMap<string, number> {
  return new Map(splitList(header).map(readWeight))
}

function readWeight(entry: string): readonly [name: string, weight: number] {
  const [name = '', ...parameters] = entry.split(';').map((part) => part.trim().toLowerCase())
  const quality = parameters.find((parameter) => parameter.startsWith('q='))
  const weight = quality === undefined ? 1 : Number(quality.slice('q='.length))
  return [name, Number.isFinite(weight) ? weight : 0]
}

function splitList(header: string | null): readonly string[] {
  return header === null ? [] : header.split(',').map((entry) => entry.trim())
}

async function renderPage(options: GraphiqlPageOptions): Promise<RenderedPage> {
  // Imported here because it is 9 MB of source, which a service that nobody opens in a browser need not read.
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql')
  const bare = renderGraphiQL({ title }).replace('</head>', `${style}</head>`)
  const html = replaceLast(bare, JSON.stringify({ title }), pageOptions(options))
  return {
    gzipped: new Uint8Array(await compress(html)),
    fingerprint: createHash('sha256').update(html).digest('base64url'),
    policy: contentSecurityPolicy(html),
  }
}

/**
 * Writes GraphiQL's options as the JavaScript expression that stands in the page.
 *
 * Three of them cannot be said in JSON. The first two keep the secrets that people paste here from staying behind:
 * - `onEditQuery`: Yoga's own copies the query into the address as it is written, so tokens would end in the browser's
 *   history and, on reload, in access logs;
 * - `storage`: by default localStorage, which keeps tokens and client secrets for good, and opens with the tabs of
 *   whatever GraphiQL was on this port before, not with ours. sessionStorage survives a reload and ends with the
 *   browser's tab;
 * - `initialHeaders`: GraphiQL forgets the headers of the first default tab unless they are given here too; given
 *   again on reload they would add a tab.
 */
function pageOptions({ endpoint, schema }: GraphiqlPageOptions): string {
  const plain = asScript({
    title,
    endpoint,
    defaultTabs: graphiqlTabs,
    schema: introspectionFromSchema(schema),
  })
  return `{
    ...${plain},
    onEditQuery() {},
    storage: sessionStorage,
    initialHeaders: sessionStorage.getItem('graphiql:tabState') ? undefined : ${asScript(firstHeaders(graphiqlTabs))},
  }`
}

function firstHeaders([first]: readonly GraphiqlTab[]): string {
  return first?.headers ?? ''
}

/** JSON in which no description can close the script element that it stands in. */
function asScript(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c')
}

/** @throws Error when the renderer has changed and its options are not where they were. */
function replaceLast(text: string, searched: string, replacement: string): string {
  const start = text.lastIndexOf(searched)
  if (start === -1) throw new Error(`GraphiQL's page has no \`${searched}\` to replace`)
  return text.slice(0, start) + replacement + text.slice(start + searched.length)
}

/**
 * What the page needs and no more: its one script (by its digest), workers that it makes of blobs, inline styles
 * (Monaco writes them as it goes, so no digest can name them), the images and the font that it carries as data URLs,
 * and calls to its own origin.
 */
function contentSecurityPolicy(html: string): string {
  return [
    "default-src 'none'",
    `script-src 'sha256-${createHash('sha256').update(inlineScript(html)).digest('base64')}'`,
    'worker-src blob:',
    "style-src 'unsafe-inline'",
    'img-src data:',
    'font-src data:',
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

function inlineScript(html: string): string {
  const opening = '<script>'
  const start = html.indexOf(opening, html.indexOf('<div id="root">')) + opening.length
  return html.slice(start, html.lastIndexOf('</script>'))
}
