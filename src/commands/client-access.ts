import { type Command, Option } from 'commander'
import { type ServiceScope, serviceScopes } from '../tokens/caller.ts'
import { readScopes, requireScopes } from './arguments.ts'
import { changeClient, endedTokens, formatChange, invalidatedTokens, sessionsLiveOn } from './client-change.ts'
import { type Answer, jsonOption, type OutputOptions, print } from './output.ts'

interface UpdateOptions extends OutputOptions {
  readonly scope?: readonly ServiceScope[]
}

export function defineUpdate(client: Command): void {
  client
    .command('update')
    .summary('give a client other scopes')
    .description(
      'Sets the scopes of a client: those that are not named are taken from it, and from the tokens that it created.',
    )
    .argument('<id>', 'names the client')
    .addOption(
      new Option('--scope <scope>', 'what it may do from now on; once for each scope')
        .choices(serviceScopes)
        .argParser(readScopes),
    )
    .option(...jsonOption)
    .action(async (id: string, options: UpdateOptions) => print(await update(id, options), options))
}

async function update(id: string, { scope }: UpdateOptions): Promise<Answer> {
  const scopes = requireScopes(scope)
  const changed = await changeClient(id, (tokens, operator) => tokens.updateClient({ id, scopes }, operator))
  const { client, database } = changed
  const summary = `The client ${id} may ${client.scopes.join(', ')}.`
  return formatChange(changed, { summary, json: { id, scopes: client.scopes, database } })
}

interface DisableOptions extends OutputOptions {
  readonly endSessions?: boolean
}

export function defineDisable(client: Command): void {
  client
    .command('disable')
    .summary('disable a client')
    .description(
      'Disables a client: its next request fails to authenticate, and its own tokens end. A `revocationFeed` that it has open sends no more events.\nSessions that it created for owners live on: --end-sessions ends them, also when the client is disabled already. `client enable` enables it again.',
    )
    .argument('<id>', 'names the client')
    .option('--end-sessions', 'end all that the client created, in the same commit')
    .option(...jsonOption)
    .action(async (id: string, options: DisableOptions) => print(await disable(id, options), options))
}

async function disable(id: string, { endSessions = false }: DisableOptions): Promise<Answer> {
  const changed = await changeClient(id, (tokens, operator) => tokens.disableClient({ id, endSessions }, operator))
  const { client, database } = changed
  const since = client.disabledAt?.toISOString()
  return formatChange(changed, {
    summary: `The client ${id} is disabled since ${since}.${endSessions ? '' : sessionsLiveOn}`,
    json: { id, disabledAt: client.disabledAt, invalidatedTokens: invalidatedTokens(changed), database },
    ended: endedTokens(endSessions),
  })
}

export function defineDelete(client: Command): void {
  client
    .command('delete')
    .summary('delete a client and end all that it created')
    .description(
      'Deletes a client and ends all that it created: its own tokens, and every session that it created for an owner. This cannot be undone.\nIts id is never used again, so that the record of invalidations stays true.',
    )
    .argument('<id>', 'names the client')
    .option(...jsonOption)
    .action(async (id: string, options: OutputOptions) => print(await deleteClient(id), options))
}

async function deleteClient(id: string): Promise<Answer> {
  const changed = await changeClient(id, (tokens, operator) => tokens.deleteClient({ id }, operator))
  return formatChange(changed, {
    summary: `The client ${id} is deleted, and all that it created has ended. Its id is never used again.`,
    json: { id, invalidatedTokens: invalidatedTokens(changed), database: changed.database },
    ended: endedTokens(true),
  })
}
