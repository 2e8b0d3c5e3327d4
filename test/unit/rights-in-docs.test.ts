import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { serviceScopes } from '../../src/tokens/caller.ts'
import { authorityRequests, missingTarget } from '../support/authority/requests.ts'
import { whoMay } from '../support/authority/rights.ts'
import type { CallerName } from '../support/callers.ts'

const page = readFileSync('docs/invalidate.md', 'utf8')

/** The rows of the table that begins with this header. */
function tableAfter(header: string): readonly (readonly string[])[] {
  const [, rest = ''] = page.split(`\n${header}\n`)
  const [table = ''] = rest.split('\n\n')
  return table
    .split('\n')
    .slice(1)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}

describe('docs/invalidate.md says of each selector what the caller needs', () => {
  const requestOf: Readonly<Record<string, string>> = {
    token: 'end an access token',
    refreshToken: 'end a refresh token',
    session: 'end a session',
    'owner: { realmUser }': 'end an owner',
    'owner: { realmName }': 'end a realm',
    'owner: { username }': 'end a username in all realms',
    client: 'end what a client created',
    everything: 'end everything',
  }
  const rows = tableAfter('| to invalidate | the caller needs |').flatMap(([selectors = '', needs = '']) =>
    [...selectors.matchAll(/`([^`]+)`/g)].map(([, selector = '']) => [selector, needs] as const),
  )

  test('and leaves none out', () => expect(rows.map(([selector]) => selector)).toEqual(Object.keys(requestOf)))

  test.each(rows)('%s: %s', (selector, needs) => {
    const may = whoMay('GraphQL', requestOf[selector] ?? '')

    expect(may.includes('anonymous')).toBe(needs.startsWith('nothing but the token'))
    expect(may.includes('alice')).toBe(needs.includes('of this owner') || may.includes('anonymous'))
    expect(may.includes('client manage')).toBe(needs.includes('`manage_token`') || may.includes('anonymous'))
    expect(may.includes('bob')).toBe(may.includes('anonymous'))
  })
})

describe('docs/invalidate.md says of each scope what it allows', () => {
  const rows = tableAfter('| scope | allows |').map(
    ([scope = '', allows = '']) => [scope.replaceAll('`', ''), allows] as const,
  )
  const clientWith: Readonly<Record<string, CallerName>> = {
    create_token: 'client create',
    introspect_token: 'client introspect',
    manage_token: 'client manage',
    manage_clients: 'client clients',
  }

  test('and leaves none out', () =>
    expect(rows.map(([scope]) => scope).toSorted()).toEqual([...serviceScopes].toSorted()))

  test.each(rows.filter(([scope]) => scope in clientWith))('%s: %s', async (scope, allows) => {
    const fields = [...allows.matchAll(/`(\w+)`/g)].map(([, field = '']) => field)
    const caller = clientWith[scope] ?? 'client none'

    for (const field of fields) {
      const requests = await requestsWith(field)
      expect(requests.length, field).toBeGreaterThan(0)
      for (const { name, may } of requests) {
        expect(may, name).toContain(caller)
        expect(may, name).not.toContain('client none')
      }
    }
    expect(fields.length).toBeGreaterThan(0)
  })

  /** The requests of GraphQL and the subscriptions that ask for this field. */
  async function requestsWith(field: string) {
    const found: { readonly name: string; readonly may: readonly CallerName[] }[] = []
    for (const way of ['GraphQL', 'Subscriptions'])
      for (const [name, request] of Object.entries(authorityRequests[way] ?? {})) {
        const { query } = await request.build(missingTarget()).json()
        // The feed of a guard has a scope of its own.
        if (new RegExp(`\\b${field}\\b(?!\\(forGuard)`).test(query)) found.push({ name, may: whoMay(way, name) })
      }
    return found
  }
})
