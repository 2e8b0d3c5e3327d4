import { type Command, Option } from 'commander'
import type { TokenService } from '../token-service.ts'
import { serviceScopes } from '../tokens/caller.ts'
import {
  type Client,
  clientRealm,
  digestClientSecret,
  type ListedClient,
  mintClientSecret,
  readClientId,
  readClientSecret,
} from '../tokens/clients.ts'
import type { InvalidationReason } from '../tokens/invalidation-reasons.ts'
import { readScopes } from './arguments.ts'
import { CommandFault } from './fault.ts'
import { type Answer, formatTable, jsonOption, type OutputOptions, print } from './output.ts'
import { readSecret } from './stdin.ts'
import { currentOperator, withTokenService } from './with-token-service.ts'

export function defineClient(program: Command): void {
  const client = program
    .command('client')
    .summary('add, list and disable clients')
    .description('Adds, lists and disables clients: login services, gateways, scripts.')
  defineCreate(client)
  defineList(client)
  defineDisable(client)
}

interface CreateOptions extends OutputOptions {
  readonly scope: readonly string[]
  readonly secretStdin?: boolean
  readonly replace?: boolean
}

function defineCreate(client: Command): void {
  client
    .command('create')
    .summary('add a client, or replace its secret')
    .description(
      'Adds a client and prints its secret. It is shown only now: the database keeps a digest of it.\nThe id is 1 to 100 visible ASCII characters without a colon.',
    )
    .argument('<id>', 'names the client, for example login')
    .addOption(
      new Option('--scope <scope>', 'what it may do; once for each scope')
        .choices(serviceScopes)
        .argParser(readScopes)
        .makeOptionMandatory(),
    )
    .option('--secret-stdin', 'read its secret from standard input: 32 to 512 visible ASCII characters')
    .option('--replace', 'give an existing client a new secret and these scopes, enable it, and end its own tokens')
    .option(...jsonOption)
    .action(async (id: string, options: CreateOptions) => print(await create(id, options), options))
}

async function create(named: string, { scope, secretStdin = false, replace = false }: CreateOptions): Promise<Answer> {
  // An existing client keeps its id, even if the rules would refuse that id for a new client.
  const id = replace ? named : readClientId(named)
  const secret = secretStdin ? readClientSecret(await readSecret('a client’s secret')) : mintClientSecret()
  const client = { id, secretDigest: digestClientSecret(secret), scopes: scope }
  const changed = await withTokenService(async (service) => ({
    database: service.database.description,
    invalidatedTokens: await (replace ? replaceClient : addClient)(service, client),
  }))
  const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
  const shown = secretStdin ? undefined : { secret, authorization }
  const created = { id, scopes: scope, ...shown, ...changed }
  return { text: describeCreated(created), json: created, ifLost: shown && lostSecret(id) }
}

async function addClient({ clients }: TokenService, client: Client): Promise<undefined> {
  if (!(await clients.addClient(client))) throw existingClient(client.id)
}

async function replaceClient(service: TokenService, client: Client): Promise<number> {
  if (!(await service.clients.replaceClient(client))) throw unknownClient(client.id)
  return endOwnTokens(service, client.id, 'credential-change')
}

/**
 * Invalidates the tokens that the client has created for itself: a thief of its secret may have created some of them.
 * Answers the number of tokens.
 */
async function endOwnTokens({ tokens }: TokenService, username: string, reason: InvalidationReason): Promise<number> {
  const target = { kind: 'owner', scope: { kind: 'realm-user', realm: clientRealm, username } } as const
  return (await tokens.invalidate(target, currentOperator(), { reason })).invalidated
}

interface Changed {
  readonly database: string
  /** Undefined for a new client, which had no tokens. */
  readonly invalidatedTokens: number | undefined
}

interface Created extends Changed, Pick<ListedClient, 'id' | 'scopes'> {
  readonly secret?: string
  readonly authorization?: string
}

function describeCreated({ id, scopes, secret, authorization, ...changed }: Created): string {
  const isShown = secret !== undefined && authorization !== undefined
  const which = isShown ? 'Its secret, shown this once:' : 'Its secret is the one from standard input.'
  const rows = isShown ? [row('secret', secret), row('header', `Authorization: ${authorization}`)] : []
  return [`The client ${id} may ${scopes.join(', ')}. ${which}`, '', ...rows, ...describeChange(changed)].join('\n')
}

function describeChange({ database, invalidatedTokens }: Changed): readonly string[] {
  const ended = invalidatedTokens === undefined ? [] : [row('ended', `${invalidatedTokens} of its own tokens`)]
  return [...ended, row('database', database)]
}

function row(name: string, value: string): string {
  return `  ${name.padEnd(9)}  ${value}`
}

function lostSecret(id: string): CommandFault {
  return new CommandFault(
    'ERR_OUTPUT',
    `The client ${id} has a secret that could not be written to standard output, so it is lost: give the client another one with --replace.`,
  )
}

function existingClient(id: string): CommandFault {
  return new CommandFault(
    'ERR_CLIENT_EXISTS',
    `There is a client ${id} already: choose another id, or give it a new secret and these scopes with --replace.`,
  )
}

function unknownClient(id: string): CommandFault {
  return new CommandFault('ERR_UNKNOWN', `There is no client ${id}: see \`client list\`.`)
}

function defineList(client: Command): void {
  client
    .command('list')
    .summary('show all clients')
    .description('Shows all clients, also disabled ones, the oldest first.')
    .option(...jsonOption)
    .action(async (options: OutputOptions) => {
      const answer = await withTokenService(async ({ clients, database }) => {
        const listed = await clients.listClients()
        const text = listed.length === 0 ? noClient(database.description) : describeList(listed)
        return { text, json: listed.map(toJson) }
      })
      await print(answer, options)
    })
}

function noClient(database: string): string {
  return `There is no client yet in ${database}: \`serve\` creates the client admin at its first start.`
}

function describeList(listed: readonly ListedClient[]): string {
  const rows = listed.map(({ id, scopes, createdAt, disabledAt }) => [
    id,
    scopes.join(' '),
    createdAt.toISOString(),
    disabledAt?.toISOString() ?? '',
  ])
  return formatTable([['ID', 'SCOPES', 'CREATED', 'DISABLED'], ...rows])
}

function toJson(client: ListedClient) {
  return { ...client, disabledAt: client.disabledAt ?? null }
}

function defineDisable(client: Command): void {
  client
    .command('disable')
    .summary('disable a client')
    .description(
      'Disables a client: its next request fails to authenticate, and its own tokens are ended. A `revocationFeed` that it has open sends no more events.\nSessions that it created for owners live on: end them by realm or username with `invalidate`. `client create --replace` enables it again.',
    )
    .argument('<id>', 'names the client')
    .option(...jsonOption)
    .action(async (id: string, options: OutputOptions) =>
      print(await withTokenService((service) => disable(service, id)), options),
    )
}

async function disable(service: TokenService, id: string): Promise<Answer> {
  const disabledAt = await service.clients.disableClient(id)
  if (disabledAt === undefined) throw unknownClient(id)
  const invalidatedTokens = await endOwnTokens(service, id, 'account-disabled')
  const changed = { invalidatedTokens, database: service.database.description }
  const summary = `The client ${id} is disabled since ${disabledAt.toISOString()}. Sessions that it created for owners live on: end them by realm or username with \`invalidate\`.`
  return { text: [summary, '', ...describeChange(changed)].join('\n'), json: { id, disabledAt, ...changed } }
}
