import { InvalidArgumentError } from 'commander'
import { type ServiceScope, serviceScopes } from '../tokens/caller.ts'
import { parseInstant } from '../tokens/instant.ts'
import { type InvalidationReason, invalidationReasons } from '../tokens/invalidation-reasons.ts'

/** An option that may stand there once: of `--realm a --realm b` only b would end, and it would look like both. */
export function once<Value>(read: (text: string) => Value): (text: string, previous: Value | undefined) => Value {
  return (text, previous) => {
    if (previous !== undefined) throw new InvalidArgumentError('It is given more than once, and takes one value.')
    return read(text)
  }
}

/**
 * Text as an option's value.
 *
 * In a script, `--username $NAME` with an empty NAME swallows the option behind it: `--comment $NOTE --dry-run` would
 * end in earnest what was to be counted. So what looks like an option is no value.
 */
export function readValue(text: string): string {
  if (text === '') throw new InvalidArgumentError('It is empty; is a variable of the shell not set?')
  if (text.startsWith('--')) throw new InvalidArgumentError('It looks like an option; is a value missing before it?')
  return text
}

/** The id of a session or of a revocation. */
export function readId(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('An id is a whole number.')
}

export function readLimit(text: string): number {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= 1000) return limit
  throw new InvalidArgumentError('Expected a whole number from 1 to 1000.')
}

export function readInstant(text: string): Date {
  const instant = parseInstant(text)
  if (instant !== undefined) return instant
  throw new InvalidArgumentError('Expected an instant as RFC 3339 writes it, for example 2026-11-21T09:30:00Z.')
}

/** In our spelling or in GraphQL's, `CREDENTIAL_COMPROMISE`. */
export function readReason(text: string): InvalidationReason {
  const named = /^[A-Z_]+$/.test(text) ? text.toLowerCase().replaceAll('_', '-') : text
  return readChoice(invalidationReasons, named)
}

/** One more scope, as `--scope` is repeated. */
export function readScopes(text: string, previous: readonly ServiceScope[] = []): readonly ServiceScope[] {
  return [...new Set([...previous, readChoice(serviceScopes, text)])]
}

function readChoice<Choice extends string>(choices: readonly Choice[], text: string): Choice {
  const chosen = choices.find((choice) => choice === text)
  if (chosen !== undefined) return chosen
  throw new InvalidArgumentError(`Allowed choices are ${choices.join(', ')}.`)
}
