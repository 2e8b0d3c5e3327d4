import type { Command } from 'commander'
import { keepPreviousSecondsByDefault } from '../tokens/client-verbs.ts'
import { readClientSecret } from '../tokens/clients.ts'
import { once, readKeepPrevious } from './arguments.ts'
import {
  type Changed,
  changeClient,
  endedTokens,
  formatChange,
  invalidatedTokens,
  sessionsLiveOn,
  shownSecret,
} from './client-change.ts'
import { type Answer, jsonOption, type OutputOptions, print } from './output.ts'
import { readSecret } from './stdin.ts'

export interface SecretOptions extends OutputOptions {
  readonly secretStdin?: boolean
}

export const secretOption = [
  '--secret-stdin',
  'read its secret from standard input: 32 to 512 visible ASCII characters',
] as const

/** Undefined if a secret is to be generated. */
export async function readChosenSecret({ secretStdin = false }: SecretOptions): Promise<string | undefined> {
  return secretStdin ? readClientSecret(await readSecret('a client’s secret')) : undefined
}

interface RotateOptions extends SecretOptions {
  readonly keepPrevious?: number
}

export function defineRotateSecret(client: Command): void {
  client
    .command('rotate-secret')
    .summary('give a client another secret, as planned')
    .description(
      'Gives a client another secret and prints it. The one before is accepted for a while, so that nothing fails until every instance of the client has the new one. No token ends.\nIf a secret has leaked, use `client replace-secret`.',
    )
    .argument('<id>', 'names the client')
    .option(
      '--keep-previous <seconds>',
      `how long the one before is accepted: ${keepPreviousSecondsByDefault} (a day) unless given`,
      once(readKeepPrevious),
    )
    .option(...secretOption)
    .option(...jsonOption)
    .action(async (id: string, options: RotateOptions) => print(await rotate(id, options), options))
}

async function rotate(id: string, options: RotateOptions): Promise<Answer> {
  const secret = await readChosenSecret(options)
  const changed = await changeClient(id, (tokens, operator) =>
    tokens.rotateClientSecret({ id, secret, keepPreviousSeconds: options.keepPrevious }, operator),
  )
  const { previousSecretUntil } = changed.client
  const previous =
    previousSecretUntil === undefined
      ? 'The one before is not accepted any more.'
      : `The one before is accepted until ${previousSecretUntil.toISOString()}.`
  return formatChange(changed, {
    summary: `The client ${id} has another secret. ${previous}`,
    json: withSecret(changed, { previousSecretUntil: previousSecretUntil ?? null }),
    hasNewSecret: true,
  })
}

interface ReplaceOptions extends SecretOptions {
  readonly endSessions?: boolean
}

export function defineReplaceSecret(client: Command): void {
  client
    .command('replace-secret')
    .summary('give a client another secret because the old one has leaked')
    .description(
      'Gives a client another secret and prints it. The one before is refused at once, and the client’s own tokens end.\nSessions that it created for owners live on, without any scope of this service. A thief may have created some of them: --end-sessions ends them all.',
    )
    .argument('<id>', 'names the client')
    .option('--end-sessions', 'end all that the client created, in the same commit')
    .option(...secretOption)
    .option(...jsonOption)
    .action(async (id: string, options: ReplaceOptions) => print(await replace(id, options), options))
}

async function replace(id: string, options: ReplaceOptions): Promise<Answer> {
  const { endSessions = false } = options
  const secret = await readChosenSecret(options)
  const changed = await changeClient(id, (tokens, operator) =>
    tokens.replaceClientSecret({ id, secret, endSessions }, operator),
  )
  return formatChange(changed, {
    summary: `The client ${id} has another secret, and the one before is refused.${endSessions ? '' : sessionsLiveOn}`,
    json: withSecret(changed, { invalidatedTokens: invalidatedTokens(changed) }),
    hasNewSecret: true,
    ended: endedTokens(endSessions),
  })
}

export function defineEnable(client: Command): void {
  client
    .command('enable')
    .summary('enable a client, with a new secret')
    .description('Enables a client that was disabled, with a new secret, and prints it. What has ended stays ended.')
    .argument('<id>', 'names the client')
    .option(...secretOption)
    .option(...jsonOption)
    .action(async (id: string, options: SecretOptions) => print(await enable(id, options), options))
}

async function enable(id: string, options: SecretOptions): Promise<Answer> {
  const secret = await readChosenSecret(options)
  const changed = await changeClient(id, (tokens, operator) => tokens.enableClient({ id, secret }, operator))
  return formatChange(changed, {
    summary: `The client ${id} is enabled.`,
    json: withSecret(changed, {}),
    hasNewSecret: true,
  })
}

function withSecret(changed: Changed, rest: object) {
  const { client, database } = changed
  return { id: client.id, scopes: client.scopes, ...shownSecret(changed), ...rest, database }
}
