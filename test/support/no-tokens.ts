import { answerLookups } from '../../src/tokens/answer-lookups.ts'
import type { Tokens } from '../../src/tokens/tokens.ts'

/** For tests of requests that are refused before any verb is called: every verb fails. */
export const noTokens: Tokens = {
  authenticate: refuse,
  issue: refuse,
  refresh: refuse,
  refreshOnTerms: refuse,
  introspect: refuse,
  invalidate: refuse,
  listSessions: refuse,
  findSession: refuse,
  listRevocations: refuse,
  findRevocation: refuse,
  createClient: refuse,
  rotateClientSecret: refuse,
  replaceClientSecret: refuse,
  updateClient: refuse,
  disableClient: refuse,
  enableClient: refuse,
  deleteClient: refuse,
  listClients: refuse,
  findClient: refuse,
  watchToken: refuse,
  followRevocations: refuse,
  followForGuard: refuse,
  endStreams: () => undefined,
  [answerLookups]: { session: refuse, revocation: refuse },
}

function refuse(): Promise<never> {
  return Promise.reject(new Error('Expected the request to be refused before it reached the tokens'))
}
