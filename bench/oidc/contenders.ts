import type pg from 'pg'
import type { Contender } from '../contender.ts'
import { type BenchContext, lazy } from '../context.ts'
import { builtServer } from '../load/build.ts'
import { writePost } from '../load/connection.ts'
import { createHttpContender, type Requests } from '../load/http-contender.ts'
import { type Server, startServer } from '../load/server.ts'
import { openClient } from '../ours/databases.ts'
import { tables } from './adapter.ts'
import { oidcClient, type SeededKind, seededId, seedOidc } from './seed.ts'

const asClient = `Basic ${Buffer.from(`${oidcClient.client_id}:${oidcClient.client_secret}`).toString('base64')}`
const mostPerSecond = 4_000
/** The tokens up to this number are introspected, so they must not be ended. */
const introspected = 20_000

/** node-oidc-provider's endpoints, under the same load as the service's. */
export function createOidc(
  context: BenchContext,
): Readonly<Record<'revoke' | 'introspect' | 'issue' | 'refresh', Contender>> {
  const opened = lazy(() => open(context))
  const contender = (name: string, requests: (server: Server, client: pg.Client) => Requests) =>
    createHttpContender(context, {
      name,
      connections: 64,
      mostPerSecond,
      server: async () => (await opened()).server,
      requests: async (server) => requests(server, (await opened()).client),
    })
  return {
    revoke: contender('oidc-provider revocation', revocations),
    introspect: contender('oidc-provider introspection', introspections),
    issue: contender('oidc-provider token: client_credentials', issues),
    refresh: contender('oidc-provider token: refresh_token', refreshes),
  }
}

async function open(context: BenchContext): Promise<{ readonly server: Server; readonly client: pg.Client }> {
  const url = await context.postgres.createDatabase('oidc')
  const client = await openClient(context, url)
  await client.query(tables)
  context.progress.say('seeding oidc-provider')
  const { rounds, seconds } = context.options
  await seedOidc(client, introspected + (rounds * seconds + 1) * mostPerSecond)
  const args = [builtServer('oidc/server.js')]
  return {
    server: context.closeAtEnd(await startServer({ name: 'oidc-provider', args, environment: { DATABASE_URL: url } })),
    client,
  }
}

/** The endpoint answers 200 also for an unknown token, so the rows are counted. */
function revocations(server: Server, client: pg.Client): Requests {
  const post = writeForm(server, '/token/revocation')
  const next = numbers('token', introspected)
  return addingRows('ClientCredentials', -1, client, {
    next: () => post(`token=${next()}&token_type_hint=access_token`),
    isExpected: ({ status, body }) => status === 200 && body === '',
  })
}

function introspections(server: Server): Requests {
  const post = writeForm(server, '/token/introspection')
  let count = 0
  return {
    next: () => post(`token=${seededId('token', (count++ % introspected) + 1)}&token_type_hint=access_token`),
    isExpected: ({ status, body }) => status === 200 && body.startsWith('{"active":true,'),
  }
}

function issues(server: Server, client: pg.Client): Requests {
  const request = writeForm(server, '/token')('grant_type=client_credentials&scope=read')
  return addingRows('ClientCredentials', 1, client, {
    next: () => request,
    isExpected: ({ status, body }) => status === 200 && body.startsWith('{"access_token":"'),
  })
}

function refreshes(server: Server, client: pg.Client): Requests {
  const post = writeForm(server, '/token')
  const next = numbers('refresh', 0)
  return addingRows('RefreshToken', 1, client, {
    next: () => post(`grant_type=refresh_token&refresh_token=${next()}`),
    isExpected: ({ status, body }) => status === 200 && /^{"access_token":"[^"]+",.*"refresh_token":"/.test(body),
  })
}

function writeForm(server: Server, path: string): (body: string) => string {
  const post = writePost(server.origin, path, 'application/x-www-form-urlencoded')
  return (body) => post(body, asClient)
}

function numbers(kind: SeededKind, after: number): () => string {
  let number = after
  return () => seededId(kind, ++number)
}

/** Also fails a round after which the number of rows has not changed by `step` for each acknowledged request. */
function addingRows(type: string, step: 1 | -1, client: pg.Client, requests: Requests): Requests {
  let before = 0
  const countRows = async () => {
    const text = 'select count(*) from oidc_payloads where type = $1'
    const { rows } = await client.query<{ count: string }>(text, [type])
    return Number(rows[0]?.count)
  }
  return {
    ...requests,
    begin: async () => {
      before = await countRows()
    },
    verify: async (count) => {
      const added = (await countRows()) - before
      if (added !== step * count) throw new Error(`${count} requests were acknowledged and ${type} changed by ${added}`)
    },
  }
}
