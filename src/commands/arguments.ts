import { InvalidArgumentError } from 'commander'
import { type ServiceScope, serviceScopes } from '../tokens/caller.ts'
import { mostKeepPreviousSeconds } from '../tokens/client-verbs.ts'
import { parseInstant } from '../tokens/instant.ts'
import { type InvalidationReason, invalidationReasons } from '../tokens/invalidation-reasons.ts'
import { CommandFault } from './fault.ts'

/**
 * Reads an option that may be given only once. Otherwise `--realm a --realm b` would invalidate only the tokens of b,
 * and the operator would believe that it covers both.
 */
export function once<Value>(read: (text: string) => Value): (text: string, previous: Value | undefined) => Value {
  return (text, previous) => {
    if (previous !== undefined) throw new InvalidArgumentError('It is given more than once, and takes one value.')
    return read(text)
  }
}

/**
 * Reads text as the value of an option.
 *
 * In a script, an empty shell variable makes an option take the next option as its value. With an empty NOTE,
 * `--comment $NOTE --dry-run` would invalidate the tokens that it should only count. So text that looks like an option
 * is refused.
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

/** The number of rows to show. */
export function readLimit(text: string): number {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= 1000) return limit
  throw new InvalidArgumentError('Expected a whole number from 1 to 1000.')
}

/** A number of tokens. */
export function readCount(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Expected a whole number from 0 up.')
}

/** For how many seconds more a client's previous secret is accepted. */
export function readKeepPrevious(text: string): number {
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (seconds <= mostKeepPreviousSeconds) return seconds
  throw new InvalidArgumentError(`Expected a whole number of seconds from 0 to ${mostKeepPreviousSeconds}.`)
}

/** An instant with an offset. */
export function readInstant(text: string): Date {
  const instant = parseInstant(text)
  if (instant !== undefined) return instant
  throw new InvalidArgumentError('Expected an instant as RFC 3339 writes it, for example 2026-11-21T09:30:00Z.')
}

/** A reason, as the log spells it (`credential-compromise`) or as GraphQL does (`CREDENTIAL_COMPROMISE`). */
export function readReason(text: string): InvalidationReason {
  const named = /^[A-Z_]+$/.test(text) ? text.toLowerCase().replaceAll('_', '-') : text
  return readChoice(invalidationReasons, named)
}

/** Adds a scope to those of the previous `--scope` options. */
export function readScopes(text: string, previous: readonly ServiceScope[] = []): readonly ServiceScope[] {
  return [...new Set([...previous, readChoice(serviceScopes, text)])]
}

/**
 * Not by commander's `makeOptionMandatory`, which looks before the arguments: a command without anything would then ask
 * for a scope before it asks for the id.
 */
export function requireScopes(scopes: readonly ServiceScope[] | undefined): readonly ServiceScope[] {
  if (scopes !== undefined) return scopes
  throw new CommandFault('ERR_USAGE', "required option '--scope <scope>' not specified. See --help.")
}

function readChoice<Choice extends string>(choices: readonly Choice[], text: string): Choice {
  const chosen = choices.find((choice) => choice === text)
  if (chosen !== undefined) return chosen
  throw new InvalidArgumentError(`Allowed choices are ${choices.join(', ')}.`)
}
