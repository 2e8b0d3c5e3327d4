import {
  assertMayGrant,
  assertScope,
  authorityOf,
  type Caller,
  callerLabel,
  heldScopesOf,
  type KnownCaller,
  refuseOutdated,
  serviceScopes,
} from './caller.ts'
import type { ClientChange, ClientChangeAnswer, ClientChangeBy, ClientTokens } from './client-store.ts'
import {
  type ClientAnswer,
  type ClientsRequest,
  type ClientVerbs,
  keepPreviousSecondsByDefault,
  mostKeepPreviousSeconds,
  type NewClientRequest,
} from './client-verbs.ts'
import {
  digestClientSecret,
  type ListedClient,
  mintClientSecret,
  readClientId,
  readClientSecret,
  type StoredClient,
} from './clients.ts'
import type { TokensDependencies } from './dependencies.ts'
import { TokenServiceError } from './errors.ts'
import { badInput } from './input-fault.ts'
import type { InvalidationReason } from './invalidation-reasons.ts'
import { assertPageLimit, readName } from './read-input.ts'

type Dependencies = Pick<TokensDependencies, 'clients' | 'clock'>

export function createClientVerbs(dependencies: Dependencies): ClientVerbs {
  return {
    createClient: (request, caller) => createClient(dependencies, request, caller),
    async rotateClientSecret({ id, secret, keepPreviousSeconds = keepPreviousSecondsByDefault }, caller) {
      assertManager(caller, 'rotate the secret of a client')
      assertKeepPreviousSeconds(keepPreviousSeconds)
      const keepPreviousUntil = new Date(dependencies.clock().getTime() + keepPreviousSeconds * 1000)
      const { secretDigest, minted } = newSecret(secret)
      const change = { kind: 'rotate', secretDigest, keepPreviousUntil } as const
      return changeClient(dependencies, { id, change, caller, minted })
    },
    async replaceClientSecret({ id, secret, endSessions }, caller) {
      assertManager(caller, 'replace the secret of a client')
      const { secretDigest, minted } = newSecret(secret)
      const change = { kind: 'replace', secretDigest, ends: endedTokens(endSessions) } as const
      return changeClient(dependencies, { id, change, caller, minted, reason: 'credential-compromise' })
    },
    async updateClient({ id, scopes }, caller) {
      assertManager(caller, 'change the scopes of a client')
      const change = { kind: 'scopes', scopes: readServiceScopes(scopes, caller) } as const
      return changeClient(dependencies, { id, change, caller })
    },
    async disableClient({ id, endSessions }, caller) {
      assertManager(caller, 'disable a client')
      const change = { kind: 'disable', ends: endedTokens(endSessions) } as const
      return changeClient(dependencies, { id, change, caller, reason: 'account-disabled' })
    },
    async enableClient({ id, secret }, caller) {
      assertManager(caller, 'enable a client')
      const { secretDigest, minted } = newSecret(secret)
      return changeClient(dependencies, { id, change: { kind: 'enable', secretDigest }, caller, minted })
    },
    async deleteClient({ id }, caller) {
      assertManager(caller, 'delete a client')
      const change = { kind: 'delete', ends: 'created' } as const
      return changeClient(dependencies, { id, change, caller, reason: 'account-purged' })
    },
    listClients: (request, caller) => listClients(dependencies, request, caller),
    findClient: (id, caller) => findClient(dependencies, id, caller),
  }
}

async function createClient(
  { clients, clock }: Dependencies,
  { id, scopes, secret }: NewClientRequest,
  caller: Caller,
): Promise<ClientAnswer> {
  assertManager(caller, 'add a client')
  const { secretDigest, minted } = newSecret(secret)
  const client = { id: readClientId(id), secretDigest, scopes: readServiceScopes(scopes, caller) }
  const at = clock()
  return answerOf(await clients.addClient(client, changeBy(caller, at)), at, minted)
}

interface ChangeRequest {
  readonly id: string
  readonly change: ClientChange
  readonly caller: KnownCaller
  readonly minted?: string | undefined
  readonly reason?: InvalidationReason
}

/** An older client may have an id that the rules would refuse for a new one. */
async function changeClient(
  { clients, clock }: Dependencies,
  { id, change, caller, minted, reason }: ChangeRequest,
): Promise<ClientAnswer> {
  const at = clock()
  const changed = await clients.changeClient(readName('clientId', id), change, changeBy(caller, at, reason))
  return answerOf(changed, at, minted)
}

function changeBy(caller: KnownCaller, at: Date, reason?: InvalidationReason): ClientChangeBy {
  return { at, caller: callerLabel(caller), reason, heldScopes: heldScopesOf(caller), ...authorityOf(caller) }
}

function answerOf(changed: ClientChangeAnswer, at: Date, minted: string | undefined): ClientAnswer {
  switch (changed.outcome) {
    case 'changed':
      return { outcome: 'changed', client: toListed(changed.client, at), secret: minted, ended: changed.ended }
    case 'same-secret':
      throw badInput({
        field: 'clientSecret',
        expected: 'to be a new one',
        found: 'the one that this client has, or had before',
      })
    case 'beyond-caller':
      throw new TokenServiceError(
        'ERR_FORBIDDEN',
        'A client can only be changed by a caller that has all scopes which the client has or is given.',
      )
    case 'outdated-caller':
      return refuseOutdated()
    default:
      return { outcome: 'refused', reason: changed.outcome }
  }
}

async function listClients(
  { clients, clock }: Dependencies,
  { after, limit }: ClientsRequest,
  caller: Caller,
): Promise<readonly ListedClient[]> {
  assertManager(caller, 'see the clients')
  assertPageLimit(limit)
  const listed = await clients.listClients({
    after: after === undefined ? undefined : readName('cursor', after),
    limit,
  })
  const at = clock()
  return listed.map((client) => toListed(client, at))
}

async function findClient(
  { clients, clock }: Dependencies,
  id: string,
  caller: Caller,
): Promise<ListedClient | undefined> {
  assertManager(caller, 'see a client')
  const client = await clients.findClient(readName('clientId', id))
  return client === undefined || client.deletedAt !== undefined ? undefined : toListed(client, clock())
}

function toListed({ id, scopes, createdAt, disabledAt, previousSecret }: StoredClient, at: Date): ListedClient {
  const previousSecretUntil = previousSecret && at < previousSecret.until ? previousSecret.until : undefined
  return { id, scopes, createdAt, disabledAt, previousSecretUntil }
}

function assertManager(caller: Caller, action: string): asserts caller is KnownCaller {
  assertScope(caller, 'manage_clients', action)
}

function endedTokens(endSessions = false): ClientTokens {
  return endSessions ? 'created' : 'own'
}

/** `minted` is set if the secret was generated here, and so has to be shown. */
function newSecret(given: string | undefined): {
  readonly secretDigest: Uint8Array
  readonly minted: string | undefined
} {
  if (given !== undefined) return { secretDigest: digestClientSecret(readClientSecret(given)), minted: undefined }
  const minted = mintClientSecret()
  return { secretDigest: digestClientSecret(minted), minted }
}

/**
 * Reads the scopes of a client, and answers each once. Another scope than those of this service would grant nothing: it
 * is more likely misspelt than meant.
 */
function readServiceScopes(scopes: readonly string[], caller: KnownCaller): readonly string[] {
  const known: readonly string[] = serviceScopes
  const wrongIndex = scopes.findIndex((scope) => !known.includes(scope))
  if (wrongIndex !== -1)
    throw badInput({ field: 'scopes', index: wrongIndex, expected: `to be one of ${serviceScopes.join(', ')}` })
  assertMayGrant(caller, scopes)
  return [...new Set(scopes)]
}

function assertKeepPreviousSeconds(seconds: number): void {
  if (Number.isSafeInteger(seconds) && seconds >= 0 && seconds <= mostKeepPreviousSeconds) return
  throw badInput({
    field: 'keepPreviousSeconds',
    expected: `to be a whole number from 0 to ${mostKeepPreviousSeconds}`,
    found: `${seconds}`,
  })
}
