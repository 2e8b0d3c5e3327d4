import { expect } from 'vitest'
import type { Handler } from '../../src/http/handler.ts'

/** An answer of an OAuth route, loosely typed: each test states what it expects. */
export interface OAuthAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects, and fails if that is missing
  readonly body: any
}

export type FormParameters = Readonly<Record<string, string>> | readonly (readonly [string, string])[] | string

export const origin = 'http://localhost'

/** Posts a form. `parameters` that are a string become the body unchanged. */
export async function post(
  handler: Handler,
  path: string,
  parameters: FormParameters,
  headers: Readonly<Record<string, string>> = {},
): Promise<OAuthAnswer> {
  const body = typeof parameters === 'string' ? parameters : new URLSearchParams(pairsOf(parameters)).toString()
  const contentType = { 'content-type': 'application/x-www-form-urlencoded' }
  return send(handler, path, { method: 'POST', headers: { ...contentType, ...headers }, body })
}

export async function postJson(
  handler: Handler,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<OAuthAnswer> {
  const contentType = { 'content-type': 'application/json' }
  return send(handler, path, { method: 'POST', headers: { ...contentType, ...headers }, body: JSON.stringify(body) })
}

/** Sends a request and checks the rules that hold for every answer to a POST. */
export async function send(handler: Handler, path: string, init: RequestInit): Promise<OAuthAnswer> {
  const response = await handler(new Request(`${origin}${path}`, init))
  const text = await response.text()
  const answer = { status: response.status, headers: response.headers, text, body: text && JSON.parse(text) }
  if (init.method === 'POST') assertCommonRules(answer)
  return answer
}

/** RFC 6749 §5.1 (no cache stores it) and §5.2 (characters of an error), RFC 9110 §11.6.1 (a 401 has a challenge). */
function assertCommonRules({ status, headers, body }: OAuthAnswer): void {
  expect(headers.get('cache-control')).toBe('no-store')
  expect(headers.get('pragma')).toBe('no-cache')
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  if (body) expect(headers.get('content-type')).toMatch(/^application\/json\b/)
  if (status >= 400) {
    expect(Object.keys(body)).toEqual(['error', 'error_description'])
    expect(body.error_description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
  }
  if (status === 401) expect(headers.get('www-authenticate')).toMatch(/^(Basic|Bearer) realm="invalidate-token"/)
  else if (status !== 403) expect(headers.has('www-authenticate')).toBe(false)
  expect(headers.get('retry-after')).toBe(status === 503 ? '1' : null)
}

function pairsOf(parameters: Exclude<FormParameters, string>): string[][] {
  return Symbol.iterator in parameters ? parameters.map((pair) => [...pair]) : Object.entries(parameters)
}
