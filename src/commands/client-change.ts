import type { OperatorCaller } from '../tokens/caller.ts'
import type { ClientRefusal } from '../tokens/client-store.ts'
import type { ClientAnswer, ClientChanged } from '../tokens/client-verbs.ts'
import type { Tokens } from '../tokens/tokens.ts'
import { CommandFault } from './fault.ts'
import { type Answer, basicAuthorization } from './output.ts'
import { currentOperator, withTokenService } from './with-token-service.ts'

export interface Changed extends ClientChanged {
  /** Shown so that an operator who forgot to set DATABASE_URL notices which database was used. */
  readonly database: string
}

/** Runs one change of a client, as the operator at the command line. */
export async function changeClient(
  id: string,
  run: (tokens: Tokens, operator: OperatorCaller) => Promise<ClientAnswer>,
): Promise<Changed> {
  return withTokenService(async ({ tokens, database }) => {
    const answer = await run(tokens, currentOperator())
    if (answer.outcome === 'refused') throw refusal(id, answer.reason)
    return { ...answer, database: database.description }
  })
}

function refusal(id: string, reason: ClientRefusal): CommandFault {
  switch (reason) {
    case 'unknown':
      return new CommandFault('ERR_UNKNOWN', `There is no client ${id}: see \`client list\`.`)
    case 'exists':
      return new CommandFault(
        'ERR_CLIENT_EXISTS',
        `There is a client ${id} already: choose another id, or change it with \`client update\`, \`rotate-secret\` or \`replace-secret\`.`,
      )
    case 'id-used':
      return new CommandFault(
        'ERR_CLIENT_EXISTS',
        `There was a client ${id}, which was deleted, and an id is never used again: choose another id.`,
      )
    case 'disabled':
      return new CommandFault(
        'ERR_CLIENT_DISABLED',
        `The client ${id} is disabled: enable it with \`client enable ${id}\`.`,
      )
    case 'enabled':
      return new CommandFault(
        'ERR_CLIENT_ENABLED',
        `The client ${id} is enabled already: give it another secret with \`client rotate-secret\` or \`replace-secret\`.`,
      )
    case 'last-manager':
      return new CommandFault(
        'ERR_LAST_MANAGER',
        `The client ${id} is the last one that may manage clients: give another client the scope manage_clients first.`,
      )
    default:
      return reason satisfies never
  }
}

/** The secret for the answer, if it was generated: it is shown only this once. */
export function shownSecret({ client: { id }, secret }: Changed) {
  return secret === undefined ? undefined : { secret, authorization: basicAuthorization(id, secret) }
}

/** How many tokens the change has ended, for the answer; null while they are being counted. */
export function invalidatedTokens({ ended }: Changed): number | null {
  return ended?.counts?.invalidated ?? null
}

export const sessionsLiveOn = ' Sessions that it created for owners live on: --end-sessions ends them.'

/** Which tokens a change has ended. */
export function endedTokens(endSessions: boolean): string {
  return endSessions ? 'tokens that it created' : 'of its own tokens'
}

interface Description {
  readonly summary: string
  readonly json: unknown
  /** Whether the change has given the client another secret: a generated or a chosen one. */
  readonly hasNewSecret?: boolean
  /** Which tokens have ended, as `endedTokens` says it. Left out if the change ends none. */
  readonly ended?: string
}

export function formatChange(changed: Changed, description: Description): Answer {
  const { summary, json, hasNewSecret = false, ended } = description
  const shown = shownSecret(changed)
  const which = shown ? ' Its secret, shown this once:' : ' Its secret is the one from standard input.'
  const count = invalidatedTokens(changed)
  const rows = [
    ...(shown ? [row('secret', shown.secret), row('header', `Authorization: ${shown.authorization}`)] : []),
    ...(ended === undefined ? [] : [row('ended', count === null ? stillCounted : `${count} ${ended}`)]),
    row('database', changed.database),
  ]
  const text = [`${summary}${hasNewSecret ? which : ''}`, '', ...rows].join('\n')
  return { text, json, ifLost: shown && lostSecret(changed.client.id) }
}

const stillCounted = 'its tokens, which are still being counted: see `revocations`'

function row(name: string, value: string): string {
  return `  ${name.padEnd(9)}  ${value}`
}

function lostSecret(id: string): CommandFault {
  return new CommandFault(
    'ERR_OUTPUT',
    `The client ${id} has a secret that could not be written to standard output, so it is lost: give the client another one with \`client replace-secret ${id}\`.`,
  )
}
