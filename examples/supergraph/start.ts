import { randomBytes } from 'node:crypto'
import { readConfig } from '../../src/index.ts'
import { startSupergraph } from './supergraph.ts'

/** A new secret at every start, so that the example need not store it. */
const adminSecret = randomBytes(24).toString('base64url')
const authorization = `Basic ${Buffer.from(`admin:${adminSecret}`).toString('base64')}`
const config = readConfig({ DATA_DIR: 'examples/supergraph/.data', ...process.env, ADMIN_SECRET: adminSecret })

const supergraph = await startSupergraph({ ...config, adminSecret }, config.port).catch(exitWith)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void supergraph.stop())

const accessToken = await logIn('demo', 'alice')
process.stdout.write(`
  supergraph   ${supergraph.gateway}   Hive Gateway, with a guard, over:
  tokens       ${supergraph.tokens}
  users        ${supergraph.users}

  Alice has just logged in. The subgraph of users knows her name, the subgraph of tokens her devices. Query both:

curl -s ${supergraph.gateway} -H 'Content-Type: application/json' -H 'Authorization: Bearer ${accessToken}' \\
  -d '{"query": "{ user(id: 1) { name tokenOwner { sessions { nodes { id createdAt device { label } isCurrent } } } } }"}'

  Log her out; the gateway then refuses the same query, and no subgraph hears of it:

curl -s ${supergraph.gateway} -H 'Content-Type: application/json' \\
  -d '{"query": "mutation { invalidateToken(input: { token: \\"${accessToken}\\" }, options: { wholeSession: true }) { invalidatedTokens } }"}'

  To act as a login service, send \`createTokenPair\` with this header:

Authorization: ${authorization}

`)

/** A port or a folder that is in use is for the reader to correct: one sentence helps, a stack does not. */
function exitWith(error: unknown): never {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}

/** What a login service does after it has verified the owner. It uses the gateway, as all clients do. */
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
