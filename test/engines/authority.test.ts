import { beforeAll, describe, expect, test } from 'vitest'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import { addClients, alice, countRows, createCallers, readTable } from '../support/callers.ts'
import { subscribe } from '../support/event-stream.ts'
import { admin, ask, useTestService } from '../support/service.ts'

/** `callers.test.ts` has the same for mutations and queries of GraphQL. */
const service = useTestService({ keepsRows: true })
beforeAll(() => addClients(service))
const callers = createCallers(service)

/** What was answered: a status, `+` for a success, or `unknown` where a caller must not learn whether a thing exists. */
type Verdict = string
type Send = (pair: IssuedPair, authorization: string | undefined) => Promise<Verdict>

async function sendTo(path: string, init: RequestInit, authorization: string | undefined): Promise<Verdict> {
  const headers = new Headers(init.headers)
  if (authorization !== undefined) headers.set('authorization', authorization)
  const { status } = await service.handler(new Request(`http://localhost${path}`, { ...init, headers }))
  return status < 300 ? '+' : String(status)
}

const form = (path: string, fields: (pair: IssuedPair) => Record<string, string>): Send => {
  return (pair, authorization) =>
    sendTo(path, { method: 'POST', body: new URLSearchParams(fields(pair)) }, authorization)
}

const json = (method: string, path: string, body: (pair: IssuedPair) => object): Send => {
  const headers = { 'content-type': 'application/json' }
  return (pair, authorization) => sendTo(path, { method, headers, body: JSON.stringify(body(pair)) }, authorization)
}

const entity = (reference: (pair: IssuedPair) => object, selection: string): Send => {
  const query = `query ($of: [_Any!]!) { _entities(representations: $of) { ${selection} } }`
  return async (pair, authorization) => {
    const variables = { of: [reference(pair)] }
    const { status, data, errors } = await ask(service.handler, query, {
      variables,
      ...(authorization && { authorization }),
    })
    if (errors !== undefined) return String(status)
    return data._entities[0] === null ? 'unknown' : '+'
  }
}

const stream = (query: string): Send => {
  return async (_, authorization) => {
    const opened = await subscribe(service.handler, { query, authorization })
    const refused = opened.status === 200 ? undefined : String(opened.status)
    await opened.close()
    return refused ?? '+'
  }
}

const ofStaff = { realm_name: 'staff' }

/** The requests. Each is about a new pair of alice in the realm staff, which the client `admin` created. */
const requests: Readonly<Record<string, Send>> = {
  revoke: form('/oauth2/revoke', ({ accessToken }) => ({ token: accessToken })),
  introspect: form('/oauth2/introspect', ({ accessToken }) => ({ token: accessToken })),
  refresh: form('/oauth2/token', ({ refresh }) => ({
    grant_type: 'refresh_token',
    refresh_token: refresh?.token ?? '',
  })),
  'end alice': json('POST', '/oauth2/global-token-revocation', () => ({
    sub_id: { format: 'opaque', id: 'staff/alice' },
  })),
  'end nobody': json('POST', '/oauth2/global-token-revocation', () => ({
    sub_id: { format: 'opaque', id: 'staff/nobody' },
  })),
  'es token': json('DELETE', '/_security/oauth2/token', ({ accessToken }) => ({ token: accessToken })),
  'es realm': json('DELETE', '/_security/oauth2/token', () => ofStaff),
  'es grant': json('POST', '/_security/oauth2/token', () => ({ grant_type: 'client_credentials' })),
  'es caller': (_, authorization) => sendTo('/_security/_authenticate', {}, authorization),
  session: entity(({ session }) => ({ __typename: 'TokenSession', id: session.id }), '... on TokenSession { id }'),
  'no session': entity(() => ({ __typename: 'TokenSession', id: '999999999' }), '... on TokenSession { id }'),
  'sessions of': entity(
    () => ({ __typename: 'TokenOwner', realmName: 'staff', username: 'alice' }),
    '... on TokenOwner { sessions { nodes { id } } }',
  ),
  watch: stream('subscription { tokenInvalidated { id } }'),
  feed: stream('subscription { revocationFeed { cursor } }'),
}

/**
 * What each caller may do. `?` is unknown: a session that is not the caller's looks as one that does not exist. A client
 * that authenticates may revoke by OAuth what was issued to it, here nothing (RFC 7009 §2.1): 400, invalid_grant.
 * Elasticsearch has no anonymous callers, and its API needs its privilege `manage_token` for everything. Its
 * client_credentials are for clients: 400.
 */
const table = `
                   | revoke | introspect | refresh | end alice | end nobody | es token | es realm | es grant | es caller | session | no session | sessions of | watch | feed
 anonymous         |   +    |    401     |    +    |    401    |    401     |   401    |   401    |   401    |    401    |   401   |    401     |     401     |  401  | 401
 client none       |  400   |    403     |   400   |    403    |    403     |   403    |   403    |   403    |     +     |    ?    |     ?      |     403     |  403  | 403
 client create     |  400   |    403     |   400   |    403    |    403     |   403    |   403    |   403    |     +     |    ?    |     ?      |     403     |  403  | 403
 client introspect |  400   |     +      |   400   |    403    |    403     |   403    |   403    |   403    |     +     |    ?    |     ?      |     403     |  403  | 403
 client manage     |   +    |    403     |   400   |     +     |     +      |    +     |    +     |   403    |     +     |    +    |     ?      |      +      |  403  |  +
 client clients    |  400   |    403     |   400   |    403    |    403     |   403    |   403    |   403    |     +     |    ?    |     ?      |     403     |  403  | 403
 client all        |   +    |     +      |    +    |     +     |     +      |    +     |    +     |    +     |     +     |    +    |     ?      |      +      |  403  |  +
 owner alice       |   +    |    403     |    +    |     +     |    403     |   403    |   403    |   403    |     +     |    +    |     ?      |      +      |   +   | 403
 alice, manage     |   +    |    403     |    +    |     +     |     +      |    +     |    +     |   400    |     +     |    +    |     ?      |      +      |   +   |  +
 alice, clients    |   +    |    403     |    +    |     +     |    403     |   403    |   403    |   403    |     +     |    +    |     ?      |      +      |   +   | 403
 owner bob         |   +    |    403     |    +    |    403    |    403     |   403    |   403    |   403    |     +     |    ?    |     ?      |     403     |   +   | 403
 alice elsewhere   |   +    |    403     |    +    |    403    |    403     |   403    |   403    |   403    |     +     |    ?    |     ?      |     403     |   +   | 403
 elsewhere, create |   +    |    403     |    +    |    403    |    403     |   403    |   403    |   403    |     +     |    ?    |     ?      |     403     |   +   | 403
 bob, introspect   |   +    |     +      |    +    |    403    |    403     |   403    |   403    |   403    |     +     |    ?    |     ?      |     403     |   +   | 403
`
const { requestNames, lines } = readTable(table)

describe('what each caller may do by OAuth, for Elasticsearch’s clients, as a gateway and in subscriptions', () => {
  test('the table names every caller and every request', () => {
    expect(requestNames).toEqual(Object.keys(requests))
    expect(lines.map(([caller]) => caller)).toEqual(Object.keys(callers))
  })

  test.each(lines)('%s', async (caller, ...cells) => {
    for (const [column, name] of requestNames.entries()) {
      const authorization = await callers[caller ?? '']?.()
      const pair = await service.tokens.issue({ owner: alice }, admin)
      const before = await countRows(service)

      const verdict = await requests[name]?.(pair, authorization)

      expect(verdict === 'unknown' ? '?' : verdict, name).toBe(cells[column])
      if (verdict !== '+') expect(await countRows(service), name).toEqual(before)
    }
  })
})
