import type { ListableScope } from './coverage.ts'
import { badInput, type InputField } from './input-fault.ts'
import type { OwnerScope } from './owner.ts'
import { holdsToken } from './token.ts'

const maxNameLength = 255
const maxTokenLength = 1024
const maxScopes = 64
const maxPageLimit = 1_000
/** RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E ). */
const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: the expression must match control characters
const controlCharacter = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/

/**
 * Reads the name of a realm or owner from untrusted input, and answers it unchanged.
 *
 * A lone surrogate would be stored as U+FFFD and so collide with another name; a NUL makes Postgres refuse the
 * statement; a line break could forge log lines; a token in the wrong field would be stored and shown. All four are
 * refused here, before anything is done.
 *
 * @throws TokenServiceError ERR_BAD_INPUT
 */
export function readName(field: InputField, text: string): string {
  readStoredText(field, text, maxNameLength)
  if (text.trim() !== text) throw badInput({ field, expected: 'without white space at its ends' })
  return text
}

/**
 * Reads text that may be a token. Whether it is one, `readToken` decides: ordinary text that is not a token leads to
 * the answer that nothing was found. Text that can never be a token (empty, too long, control characters) is an error.
 *
 * @throws TokenServiceError ERR_BAD_INPUT
 */
export function readTokenText(field: InputField, text: string): string {
  assertText(field, text, maxTokenLength)
  return text
}

/**
 * Reads scopes from untrusted input, and answers each once.
 *
 * @throws TokenServiceError ERR_BAD_INPUT
 */
export function readScopes(scopes: readonly string[]): readonly string[] {
  if (scopes.length > maxScopes)
    throw badInput({ field: 'scopes', expected: `to have at most ${maxScopes} elements`, found: `${scopes.length}` })
  const wrongIndex = scopes.findIndex((scope) => !scopeToken.test(scope))
  if (wrongIndex !== -1)
    throw badInput({
      field: 'scopes',
      index: wrongIndex,
      expected: 'to be 1 to 128 visible ASCII characters without space, quote or backslash (RFC 6749 §3.3)',
    })
  for (const [index, scope] of scopes.entries()) assertNoToken('scopes', scope, index)
  return [...new Set(scopes)]
}

/**
 * Reads text that is stored for operators and owners to read, and answers it unchanged. Text that contains a token is
 * refused, because tokens must not be stored.
 *
 * @throws TokenServiceError ERR_BAD_INPUT
 */
export function readStoredText(field: InputField, text: string, maxLength: number): string {
  assertText(field, text, maxLength)
  assertNoToken(field, text)
  return text
}

/**
 * Reads the names in an owner scope from untrusted input.
 *
 * @throws TokenServiceError ERR_BAD_INPUT
 */
export function readOwnerScope(scope: OwnerScope): OwnerScope {
  switch (scope.kind) {
    case 'realm':
      return { kind: 'realm', realm: readName('realm', scope.realm) }
    case 'username':
      return { kind: 'username', username: readName('username', scope.username) }
    case 'realm-user':
      return {
        kind: 'realm-user',
        realm: readName('realm', scope.realm),
        username: readName('username', scope.username),
      }
    default:
      return scope satisfies never
  }
}

/** @throws TokenServiceError ERR_BAD_INPUT */
export function assertPageLimit(limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= maxPageLimit) return
  throw badInput({ field: 'limit', expected: `to be a whole number from 1 to ${maxPageLimit}`, found: `${limit}` })
}

/** @throws TokenServiceError ERR_BAD_INPUT */
export function readListableScope(scope: ListableScope): ListableScope {
  return scope.kind === 'client'
    ? { kind: 'client', clientId: readName('client', scope.clientId) }
    : readOwnerScope(scope)
}

function assertNoToken(field: InputField, text: string, index?: number): void {
  if (!holdsToken(text)) return
  const fault = { field, expected: 'without anything that looks like a token', because: 'it is kept' }
  throw badInput(index === undefined ? fault : { ...fault, index })
}

function assertText(field: InputField, text: string, maxLength: number): void {
  if (text === '') throw badInput({ field, expected: 'to be text', found: 'an empty string' })
  if (text.length > maxLength)
    throw badInput({ field, expected: `to have at most ${maxLength} characters`, found: `${text.length}` })
  if (!text.isWellFormed()) throw badInput({ field, expected: 'to be well-formed Unicode', found: 'a lone surrogate' })
  if (controlCharacter.test(text)) throw badInput({ field, expected: 'without control characters' })
}
