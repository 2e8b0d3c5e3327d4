import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { type GraphQLSchema, introspectionFromSchema } from 'graphql'
import type { GraphiqlTab } from './graphiql-tab.ts'
import { graphiqlTabs } from './graphiql-tabs.ts'

/** The endpoint that the page calls, and its schema. */
export interface GraphiqlPageOptions {
  /** The path of the GraphQL route. It is on the origin that serves the page: the page may call no other. */
  readonly endpoint: string
  /**
   * The schema of the endpoint. It is put into the page, because GraphiQL would ask for it with the headers of the open
   * tab: with a placeholder there, or a token that was just invalidated, it would get none.
   */
  readonly schema: GraphQLSchema
}

interface RenderedPage {
  readonly gzipped: Uint8Array<ArrayBuffer>
  /** Decompresses it for a client that does not accept gzip, at the first call. */
  readonly plain: () => Promise<Uint8Array<ArrayBuffer>>
  readonly fingerprint: string
  readonly policy: string
}

const title = 'invalidate-token'

/**
 * Shows all tabs in a window 1280 pixels wide, and the title on one line. Also stops the tabs from moving: with several
 * default tabs, GraphiQL displaces a tab as soon as it is pressed, so that the click misses it.
 */
const style = `<style>
  .graphiql-tab.graphiql-tab { transform: none !important }
  .graphiql-tabs.graphiql-tabs { gap: 4px }
  .graphiql-tab .graphiql-tab-button { font-size: 13px }
  .graphiql-tab:not(.graphiql-tab-active) .graphiql-tab-button { padding-right: 8px }
  .graphiql-container .graphiql-logo { font-size: 14px; white-space: nowrap }
</style>`

const gzipAsync = promisify(gzip)
const gunzipAsync = promisify(gunzip)

/**
 * Makes the handler that answers with GraphiQL, with our operations in its tabs.
 *
 * The page is rendered and compressed once, at the first request: 9 MB, 2.4 MB gzipped; 0.6 s on 2 cores, 0.2 s of it
 * on the main thread. Requests that arrive meanwhile wait for the same page. The page loads nothing else. All answers
 * share its bytes: an answer hands out the next piece when its client has read the one before. The 9 MB are kept once a
 * client that does not accept gzip has asked for them.
 *
 * The handler answers any request: check `wantsPage` first.
 */
export function createGraphiqlPage(options: GraphiqlPageOptions): (request: Request) => Promise<Response> {
  let rendering: Promise<RenderedPage> | undefined
  return async (request) => {
    rendering ??= renderPage(options)
    try {
      return await answer(request, await rendering)
    } catch (error) {
      rendering = undefined
      throw error
    }
  }
}

/**
 * Whether a browser opens the endpoint, rather than a client with an operation.
 *
 * `Accept` must name HTML and prefer it to the JSON types that it names: a client that accepts anything (curl, `fetch`)
 * wants JSON.
 */
export function wantsPage(request: Request): boolean {
  if (!['GET', 'HEAD'].includes(request.method) || new URL(request.url).searchParams.has('query')) return false
  const weights = readWeights(request.headers.get('accept'))
  const html = weights.get('text/html') ?? 0
  const json = Math.max(weights.get('application/json') ?? 0, weights.get('application/graphql-response+json') ?? 0)
  return html > json
}

async function answer(request: Request, page: RenderedPage): Promise<Response> {
  const gzipped = takesGzip(request)
  // A strong ETag identifies bytes, so each content coding has its own (RFC 9110 §8.8.3.3).
  const etag = gzipped ? `"${page.fingerprint}-gzip"` : `"${page.fingerprint}"`
  const headers = pageHeaders(page, etag)
  if (isKnown(request, etag)) return new Response(null, { status: 304, headers })

  headers.set('content-type', 'text/html; charset=utf-8')
  if (gzipped) headers.set('content-encoding', 'gzip')
  const bytes = gzipped ? page.gzipped : await page.plain()
  headers.set('content-length', String(bytes.byteLength))
  return new Response(piecesOf(bytes), { headers })
}

/** Bytes that are handed out at once. */
const pieceBytes = 64 * 1024

/** The pieces are views: they share the memory of the whole. Nothing is read ahead. */
function piecesOf(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  let start = 0
  const pull = (controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>) => {
    controller.enqueue(bytes.subarray(start, start + pieceBytes))
    start += pieceBytes
    if (start >= bytes.byteLength) controller.close()
  }
  return new ReadableStream({ pull }, { highWaterMark: 0 })
}

function pageHeaders(page: RenderedPage, etag: string): Headers {
  return new Headers({
    etag,
    'cache-control': 'no-cache',
    // The same path also answers JSON.
    vary: 'accept, accept-encoding',
    'content-security-policy': page.policy,
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  })
}

/** "If-None-Match … uses the weak comparison" (RFC 9110 §13.1.2): a proxy may have weakened the tag. */
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
  // Imported only here: it is 9 MB of source, which a service without browsers as clients need not load.
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql')
  const rendered = renderGraphiQL({ title }).replace('</head>', `${style}</head>`)
  const html = replaceLast(rendered, JSON.stringify({ title }), pageOptions(options))
  const gzipped = new Uint8Array(await gzipAsync(html))
  let plain: Promise<Uint8Array<ArrayBuffer>> | undefined
  return {
    gzipped,
    plain: () => {
      plain ??= gunzipAsync(gzipped).then((bytes) => new Uint8Array(bytes))
      return plain
    },
    fingerprint: createHash('sha256').update(html).digest('base64url'),
    policy: contentSecurityPolicy(html),
  }
}

/**
 * Writes GraphiQL's options as a JavaScript expression for the page.
 *
 * JSON cannot express three of them. The first two make sure that the secrets that users paste here are not kept:
 * - `onEditQuery`: Yoga's default copies the query into the address while it is edited, so tokens would get into the
 *   browser's history and, on reload, into access logs;
 * - `storage`: the default, localStorage, would keep tokens and client secrets permanently, and would restore the tabs
 *   of another GraphiQL that ran on this port instead of ours. sessionStorage survives a reload and ends with the
 *   browser's tab;
 * - `initialHeaders`: GraphiQL ignores the headers of the first default tab unless they are given here too; given again
 *   on reload they would add a tab.
 */
function pageOptions({ endpoint, schema }: GraphiqlPageOptions): string {
  const serializable = asScript({
    title,
    endpoint,
    defaultTabs: graphiqlTabs,
    schema: introspectionFromSchema(schema),
  })
  return `{
    ...${serializable},
    onEditQuery() {},
    storage: sessionStorage,
    initialHeaders: sessionStorage.getItem('graphiql:tabState') ? undefined : ${asScript(firstHeaders(graphiqlTabs))},
  }`
}

function firstHeaders([first]: readonly GraphiqlTab[]): string {
  return first?.headers ?? ''
}

/** JSON in which no description can close the script element that contains it. */
function asScript(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c')
}

/** @throws Error if the text is not found, as after a change of the renderer. */
function replaceLast(text: string, searched: string, replacement: string): string {
  const start = text.lastIndexOf(searched)
  if (start === -1) throw new Error(`GraphiQL's page has no \`${searched}\` to replace`)
  return text.slice(0, start) + replacement + text.slice(start + searched.length)
}

/**
 * Permits only what the page needs: its one script (by its digest), workers that it makes from blobs, inline styles
 * (Monaco writes them at run time, so no digest can name them), the images and the font that it contains as data URLs,
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
