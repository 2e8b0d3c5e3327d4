import { readFileSync } from 'node:fs'
import { buildSubgraphSchema } from '@apollo/subgraph'
import { parse } from 'graphql'
import { createYoga } from 'graphql-yoga'
import { type Listening, listen } from './listen.ts'

/** A subgraph as any team may have it: it knows users, and only the key of their logins. */
export const usersSdl = readFileSync(new URL('users.graphql', import.meta.url), 'utf8')

interface User {
  readonly id: string
  readonly name: string
  readonly login: string
}

const users: readonly User[] = [
  { id: '1', name: 'Alice', login: 'alice' },
  { id: '2', name: 'Bob', login: 'bob' },
]

const resolvers = {
  Query: {
    user: (_: unknown, { id }: Pick<User, 'id'>) => findUser(id),
    users: () => users,
  },
  User: {
    __resolveReference: ({ id }: Pick<User, 'id'>) => findUser(id),
    tokenOwner: ({ login }: User) => ({ realmName: 'demo', username: login }),
  },
}

function findUser(id: string): User | undefined {
  return users.find((user) => user.id === id)
}

/** Serves the subgraph. Port 0 selects any free port. */
export function startUsers(port: number): Promise<Listening> {
  const schema = buildSubgraphSchema({ typeDefs: parse(usersSdl), resolvers })
  return listen(createYoga({ schema, logging: false }), port)
}
