import { type Command, Option } from 'commander'
import { type ServiceScope, serviceScopes } from '../tokens/caller.ts'
import { type ListedClient, readClientId } from '../tokens/clients.ts'
import type { Tokens } from '../tokens/tokens.ts'
import { readScopes, requireScopes } from './arguments.ts'
import { defineDelete, defineDisable, defineUpdate } from './client-access.ts'
import { changeClient, formatChange, shownSecret } from './client-change.ts'
import {
  defineEnable,
  defineReplaceSecret,
  defineRotateSecret,
  readChosenSecret,
  type SecretOptions,
  secretOption,
} from './client-secret.ts'
import { type Answer, formatTable, jsonOption, type OutputOptions, print } from './output.ts'
import { currentOperator, withTokenService } from './with-token-service.ts'

export function defineClient(program: Command): void {
  const client = program
    .command('client')
    .summary('add, list, change and delete clients')
    .description('Adds, lists, changes and deletes clients: login services, gateways, scripts.')
  defineCreate(client)
  defineList(client)
  defineRotateSecret(client)
  defineReplaceSecret(client)
  defineUpdate(client)
  defineDisable(client)
  defineEnable(client)
  defineDelete(client)
}

interface CreateOptions extends SecretOptions {
  readonly scope?: readonly ServiceScope[]
}

function defineCreate(client: Command): void {
  client
    .command('create')
    .summary('add a client')
    .description(
      'Adds a client and prints its secret. It is shown only now: the database keeps a digest of it.\nThe id is 1 to 100 visible ASCII characters without a colon. The id of a client that was deleted is never used again.',
    )
    .argument('<id>', 'names the client, for example login')
    .addOption(
      new Option('--scope <scope>', 'what it may do; once for each scope').choices(serviceScopes).argParser(readScopes),
    )
    .option(...secretOption)
    .option(...jsonOption)
    .action(async (id: string, options: CreateOptions) => print(await create(readClientId(id), options), options))
}

async function create(id: string, options: CreateOptions): Promise<Answer> {
  const scopes = requireScopes(options.scope)
  const secret = await readChosenSecret(options)
  const changed = await changeClient(id, (tokens, operator) => tokens.createClient({ id, scopes, secret }, operator))
  const { client, database } = changed
  const summary = `The client ${id} may ${client.scopes.join(', ')}.`
  return formatChange(changed, {
    summary,
    json: { id, scopes: client.scopes, ...shownSecret(changed), database },
    hasNewSecret: true,
  })
}

function defineList(client: Command): void {
  client
    .command('list')
    .summary('show all clients')
    .description('Shows all clients, also disabled ones, the oldest first. Deleted ones are left out.')
    .option(...jsonOption)
    .action(async (options: OutputOptions) => {
      const answer = await withTokenService(async ({ tokens, database }) => {
        const listed = await listAll(tokens)
        const text = listed.length === 0 ? noClient(database.description) : formatClients(listed)
        return { text, json: listed.map(toJson) }
      })
      await print(answer, options)
    })
}

async function listAll(tokens: Tokens): Promise<readonly ListedClient[]> {
  const listed: ListedClient[] = []
  for (;;) {
    const page = await tokens.listClients({ after: listed.at(-1)?.id, limit: pageLimit }, currentOperator())
    listed.push(...page)
    if (page.length < pageLimit) return listed
  }
}

const pageLimit = 1000

function noClient(database: string): string {
  return `There is no client in ${database}: \`serve\` creates the client admin at its first start.`
}

function formatClients(listed: readonly ListedClient[]): string {
  const rows = listed.map(({ id, scopes, createdAt, disabledAt, previousSecretUntil }) => [
    id,
    scopes.join(' '),
    createdAt.toISOString(),
    disabledAt?.toISOString() ?? '',
    previousSecretUntil?.toISOString() ?? '',
  ])
  return formatTable([['ID', 'SCOPES', 'CREATED', 'DISABLED', 'PREVIOUS SECRET UNTIL'], ...rows])
}

function toJson(client: ListedClient) {
  const { disabledAt = null, previousSecretUntil = null } = client
  return { ...client, disabledAt, previousSecretUntil }
}
