import { type Command, Option } from 'commander'
import type { Revocation } from '../tokens/coverage.ts'
import { type InvalidationReason, invalidationReasons } from '../tokens/invalidation-reasons.ts'
import { initiatingEntity } from '../tokens/revocation-access.ts'
import { once, readId, readLimit, readReason, readValue } from './arguments.ts'
import { formatTable, jsonOption, type OutputOptions, print } from './output.ts'
import { ownerScopeOf } from './owner-scope.ts'
import { currentOperator, withTokenService } from './with-token-service.ts'

interface RevocationsOptions extends OutputOptions {
  readonly realm?: string
  readonly username?: string
  readonly client?: string
  readonly session?: number
  readonly reason?: InvalidationReason
  readonly before?: number
  readonly limit?: number
}

const defaultLimit = 20

export function defineRevocations(program: Command): void {
  program
    .command('revocations')
    .summary('show the record of invalidations')
    .description('Shows what was invalidated, by whom, when, why and how many, the newest first.')
    .option('--realm <name>', 'those of this realm', once(readValue))
    .option('--username <name>', 'those of this name; with --realm those of this one owner', once(readValue))
    .addOption(
      new Option('--client <id>', 'those of all that this client created')
        .argParser(once(readValue))
        .conflicts(['realm', 'username']),
    )
    .option('--session <id>', 'those of this session or of a token of it', once(readId))
    .addOption(
      new Option('--reason <reason>', 'those for this reason').choices(invalidationReasons).argParser(once(readReason)),
    )
    .option('--before <id>', 'those older than this revocation: the next page', once(readId))
    .option('--limit <number>', `how many: 1 to 1000 (default: ${defaultLimit})`, once(readLimit))
    .option(...jsonOption)
    .action(async (options: RevocationsOptions) => {
      const request = readRequest(options)
      const answer = await withTokenService(async ({ tokens, database }) => {
        const listed = await tokens.listRevocations(request, currentOperator())
        const text =
          listed.length === 0 ? `There is no such revocation in ${database.description}.` : formatRevocations(listed)
        return { text: text + nextPageHint(listed, request.limit), json: listed.map(toJson) }
      })
      await print(answer, options)
    })
}

function readRequest(options: RevocationsOptions) {
  const { realm, username, client, session, reason, before, limit = defaultLimit } = options
  const scope = client === undefined ? ownerScopeOf(realm, username) : ({ kind: 'client', clientId: client } as const)
  return { scope, sessionId: session, reason, before, limit }
}

function formatRevocations(listed: readonly Revocation[]): string {
  const heads = ['ID', 'AT', 'WHAT', 'WHOSE', 'SESSION', 'BY', 'REASON', 'NEWLY', 'PREVIOUSLY', 'COMMENT']
  const rows = listed.map((revocation) => {
    const { revision, at, selector, sessionId, caller, reason, comment, counts } = revocation
    return [
      String(revision),
      at.toISOString(),
      selector,
      nameCovered(revocation),
      toText(sessionId),
      caller,
      reason ?? '',
      toText(counts?.invalidated),
      toText(counts?.previouslyInvalidated),
      comment ?? '',
    ]
  })
  return formatTable([heads, ...rows])
}

function nameCovered({ selector, clientId = '', realm = '*', username = '*' }: Revocation): string {
  if (selector === 'client') return `client ${clientId}`
  return selector === 'everything' ? '*' : `${realm}/${username}`
}

/** A hint for the next page, if this page is full and so there may be more. */
function nextPageHint(listed: readonly Revocation[], limit: number): string {
  const last = listed[limit - 1]
  return last === undefined ? '' : `\n\nOlder ones: --before ${last.revision}`
}

function toText(number: number | undefined): string {
  return number === undefined ? '' : String(number)
}

/** All fields of a revocation, with the names that GraphQL has for them. */
function toJson(revocation: Revocation) {
  const { revision, selector, realm, username, at, caller, reason, comment, counts } = revocation
  return {
    id: String(revision),
    selector,
    realmName: realm ?? null,
    username: username ?? null,
    clientId: revocation.clientId ?? null,
    sessionId: toId(revocation.sessionId),
    pairId: toId(revocation.pairId),
    bound: toId(revocation.bound),
    sparedSessionId: toId(revocation.sparedSessionId),
    at: at.toISOString(),
    initiatingEntity: initiatingEntity(revocation),
    invalidatedBy: caller,
    reason: reason ?? null,
    comment: comment ?? null,
    invalidatedTokens: counts?.invalidated ?? null,
    previouslyInvalidatedTokens: counts?.previouslyInvalidated ?? null,
  }
}

function toId(number: number | undefined): string | null {
  return number === undefined ? null : String(number)
}
