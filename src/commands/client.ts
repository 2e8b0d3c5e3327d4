import { type Command, Option } from 'commander'
import { serviceScopes } from '../tokens/caller.ts'
import {
  type ClientStore,
  digestClientSecret,
  type ListedClient,
  mintClientSecret,
  readClientId,
  readClientSecret,
} from '../tokens/clients.ts'
import { CommandFault } from './fault.ts'
import { type Answer, formatTable, jsonOption, type OutputOptions, print } from './output.ts'
import { readSecret } from './stdin.ts'
import { withGround } from './with-ground.ts'

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
      'Adds a client and prints its secret, this once: only a digest of it is kept.\nThe id is 1 to 100 visible ASCII characters without a colon.',
    )
    .argument('<id>', 'names the client, for example login')
    .addOption(new Option('--scope <scope...>', 'what it may do').choices(serviceScopes).makeOptionMandatory())
    .option('--secret-stdin', 'read its secret from standard input: 32 to 512 visible ASCII characters')
    .option('--replace', 'give a client that is there a new secret and these scopes, and enable it')
    .option(...jsonOption)
    .action(async (id: string, options: CreateOptions) => print(await create(id, options), options))
}

async function create(named: string, { scope, secretStdin = false, replace = false }: CreateOptions): Promise<Answer> {
  // One that is there has its id already, whatever it looks like.
  const id = replace ? named : readClientId(named)
  const secret = secretStdin ? readClientSecret(await readSecret('a client’s secret')) : mintClientSecret()
  const client = { id, secretDigest: digestClientSecret(secret), scopes: [...new Set(scope)] }
  await withGround(async ({ clients }) => {
    if (replace) {
      if (!(await clients.replaceClient(client))) throw unknownClient(id)
    } else if (!(await clients.addClient(client))) throw existingClient(id)
  })
  const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
  const shown = secretStdin ? undefined : { secret, authorization }
  return { text: describeCreated(client, shown), json: { id, scopes: client.scopes, ...shown } }
}

interface Shown {
  readonly secret: string
  readonly authorization: string
}

function describeCreated({ id, scopes }: Pick<ListedClient, 'id' | 'scopes'>, shown: Shown | undefined): string {
  const what = `The client ${id} may ${scopes.join(', ')}.`
  if (shown === undefined) return `${what} Its secret is the one from standard input.`
  return [
    `${what} Its secret, shown this once:`,
    '',
    `  secret     ${shown.secret}`,
    `  header     Authorization: ${shown.authorization}`,
  ].join('\n')
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
    .description('Shows all clients, the oldest first, also those that are disabled.')
    .option(...jsonOption)
    .action(async (options: OutputOptions) => {
      const listed = await withGround(({ clients }) => clients.listClients())
      print({ text: describeList(listed), json: listed.map(toJson) }, options)
    })
}

function describeList(listed: readonly ListedClient[]): string {
  if (listed.length === 0) return 'There is no client yet: `serve` makes the client admin at its first start.'
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
    .summary('shut a client out')
    .description(
      'Shuts a client out: from its next request on it is unknown. A subscription that it has open goes on until its connection ends.\nThe tokens that it created live on; end them with `invalidate`. `client create --replace` enables it again.',
    )
    .argument('<id>', 'names the client')
    .option(...jsonOption)
    .action(async (id: string, options: OutputOptions) => {
      const since = await withGround(({ clients }) => disable(clients, id))
      const text = `The client ${id} is disabled since ${since.toISOString()}. The tokens that it created live on: end them with \`invalidate\`.`
      print({ text, json: { id, disabledAt: since } }, options)
    })
}

async function disable(clients: ClientStore, id: string): Promise<Date> {
  const since = await clients.disableClient(id)
  if (since === undefined) throw unknownClient(id)
  return since
}
