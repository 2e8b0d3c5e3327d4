import type { Contender } from '../contender.ts'
import { type BenchContext, lazy } from '../context.ts'
import { writePost } from '../load/connection.ts'
import { createHttpContender } from '../load/http-contender.ts'
import type { Server } from '../load/server.ts'
import type { TokenDatabases } from './databases.ts'
import { realm } from './seed.ts'
import { asAdmin, startService } from './service.ts'

const pageSize = 100
const query = `query ($realm: String!, $after: String) {
  tokenSessions(filter: { owner: { realmName: $realm } }, first: ${pageSize}, after: $after) {
    nodes { id username createdAt expiresAt device { label } } pageInfo { endCursor } } }`

interface Answer {
  readonly data: { readonly tokenSessions: { readonly pageInfo: { readonly endCursor: string } } }
}

/** The first page of a large realm's sessions, and the hundredth. */
export function createSessionPages(
  context: BenchContext,
  databases: TokenDatabases,
): { readonly first: Contender; readonly hundredth: Contender } {
  const server = lazy(async () =>
    startService(context, (await databases.create('sessions', context.options.pairs)).url),
  )
  const page = (number: number): Contender =>
    createHttpContender(context, {
      name: `tokenSessions, page ${number}`,
      connections: 1,
      server,
      requests: async (service) => {
        const request = writeRequest(service, await cursorBefore(service, number))
        const isFull = (body: string) => body.split('"id":').length === pageSize + 1
        return { next: () => request, isExpected: ({ status, body }) => status === 200 && isFull(body) }
      },
    })
  return { first: page(1), hundredth: page(100) }
}

async function cursorBefore({ origin }: Server, page: number): Promise<string | undefined> {
  let after: string | undefined
  for (let read = 1; read < page; read++) {
    const response = await fetch(new URL('/graphql', origin), {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: asAdmin },
      body: bodyOf(after),
    })
    const { data }: Answer = JSON.parse(await response.text())
    after = data.tokenSessions.pageInfo.endCursor
  }
  return after
}

function writeRequest({ origin }: Server, after: string | undefined): string {
  return writePost(origin, '/graphql', 'application/json')(bodyOf(after), asAdmin)
}

function bodyOf(after: string | undefined): string {
  return JSON.stringify({ query, variables: { realm, after } })
}
