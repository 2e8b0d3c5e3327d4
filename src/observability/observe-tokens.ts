import type { EmitEvent } from '../events/events.ts'
import { type Observer, observeNothing } from '../events/observer.ts'
import { type Caller, callerLabel } from '../tokens/caller.ts'
import { TokenServiceError } from '../tokens/errors.ts'
import type { Tokens } from '../tokens/tokens.ts'

/**
 * The same verbs, observed. All ways in call the verbs and nothing else, so this sees every operation. A refused
 * authority is an event.
 */
export function observeTokens(tokens: Tokens, observer: Observer, emit: EmitEvent): Tokens {
  const observed =
    <Given extends readonly unknown[], Answer>(
      name: string,
      verb: (...given: Given) => Promise<Answer>,
      outcomeOf: (answer: Answer) => string = ok,
    ) =>
    (...given: Given) => {
      const run = () => verb(...given).catch((error) => reportRefusal(error, name, given))
      return observer === observeNothing ? run() : observer.verb(name, run, outcomeOf)
    }

  return {
    ...tokens,
    authenticate: observed('authenticate', tokens.authenticate),
    issue: observed('issue', tokens.issue),
    refresh: observed('refresh', tokens.refresh, refreshOutcome),
    refreshOnTerms: observed('refresh', tokens.refreshOnTerms, refreshOutcome),
    introspect: observed('introspect', tokens.introspect, ({ active }) => (active ? 'active' : 'inactive')),
    invalidate: observed('invalidate', tokens.invalidate),
    listSessions: observed('list_sessions', tokens.listSessions),
    findSession: observed('find_session', tokens.findSession),
    listRevocations: observed('list_revocations', tokens.listRevocations),
    findRevocation: observed('find_revocation', tokens.findRevocation),
    watchToken: observed('watch_token', tokens.watchToken),
    followRevocations: observed('follow_revocations', tokens.followRevocations),
    followForGuard: observed('follow_for_guard', tokens.followForGuard),
    createClient: observed('create_client', tokens.createClient),
    rotateClientSecret: observed('rotate_client_secret', tokens.rotateClientSecret),
    replaceClientSecret: observed('replace_client_secret', tokens.replaceClientSecret),
    updateClient: observed('update_client', tokens.updateClient),
    disableClient: observed('disable_client', tokens.disableClient),
    enableClient: observed('enable_client', tokens.enableClient),
    deleteClient: observed('delete_client', tokens.deleteClient),
    findClient: observed('find_client', tokens.findClient),
    listClients: observed('list_clients', tokens.listClients),
  }

  function reportRefusal(error: unknown, verb: string, given: readonly unknown[]): never {
    if (error instanceof TokenServiceError && error.code === 'ERR_FORBIDDEN') {
      const caller = given.find(isCaller)
      emit({ name: 'authority_refused', facts: { verb, ...(caller && { caller: callerLabel(caller) }) } })
    }
    throw error
  }
}

function ok(): string {
  return 'ok'
}

interface RefreshOutcome {
  readonly outcome: string
  readonly reason?: string
}

/** `refreshed`, or why not. */
function refreshOutcome({ outcome, reason }: RefreshOutcome): string {
  return (reason ?? outcome).replaceAll('-', '_')
}

function isCaller(value: unknown): value is Caller {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false
  const { kind } = value
  if (kind === 'client') return 'clientId' in value && 'scopes' in value
  return kind === 'owner' ? 'token' in value : kind === 'anonymous' || (kind === 'operator' && 'name' in value)
}
