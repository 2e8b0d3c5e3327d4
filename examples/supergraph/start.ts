import { randomBytes } from 'node:crypto'
import { readConfig } from '../../src/index.ts'
import { startSupergraph } from './supergraph.ts'

/** Set anew at every start, so that the example need not remember it. */
const adminSecret = randomBytes(24).toString('base64url')
const authorization = `Basic ${Buffer.from(`admin:${adminSecret}`).toString('base64')}`
const config = readConfig({ DATA_DIR: 'examples/supergraph/.data', ...process.env, ADMIN_SECRET: adminSecret })

const supergraph = await startSupergraph(config, config.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void supergraph.stop())

const accessToken = await logIn('demo', 'alice')
process.stdout.write(`
  supergraph   ${supergraph.gateway}   Hive Gateway over:
  tokens       ${supergraph.tokens}
  users        ${supergraph.users}

  Alice has just logged in. The subgraph of users knows her name, the subgraph of tokens her devices. Ask for both:

curl -s ${supergraph.gateway} -H 'Content-Type: application/json' -H 'Authorization: Bearer ${accessToken}' \\
  -d '{"query": "{ user(id: 1) { name tokenOwner { sessions { nodes { id createdAt device { label } isCurrent } } } } }"}'

  Log her out, after which the same question is refused:

curl -s ${supergraph.gateway} -H 'Content-Type: application/json' \\
  -d '{"query": "mutation { invalidateToken(input: { token: \\"${accessToken}\\" }, options: { wholeSession: true }) { invalidatedTokens } }"}'

  As a login service, \`createTokenPair\` with this header:

Authorization: ${authorization}

`)

/** What a login service does once it knows who somebody is, through the gateway like everybody else. */
async function logIn(realmName: string, username: string): Promise<string> {
  const query = 'mutation ($input: CreateTokenPairInput!) { createTokenPair(input: $input) { accessToken } }'
  const input = { realmName, username, device: { label: 'the example' } }
  const response = await fetch(supergraph.gateway, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization },
    body: JSON.stringify({ query, variables: { input } }),
  })
  const { data, errors }: LogInAnswer = await response.json()
  if (!data) throw new AggregateError(errors ?? [], 'Could not log in')
  return data.createTokenPair.accessToken
}

interface LogInAnswer {
  readonly data?: { readonly createTokenPair: { readonly accessToken: string } } | null
  readonly errors?: readonly unknown[]
}
