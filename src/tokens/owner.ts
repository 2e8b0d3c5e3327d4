import { TokenServiceError } from './errors.ts'
import { tokenLookalike } from './token.ts'

/** Whom a token speaks for. Both names are compared byte for byte: no case folding, no normalisation. */
export interface Owner {
  readonly realm: string
  readonly username: string
}

/** Whose tokens an invalidation covers: a realm, a username in all realms, or one owner. */
export type OwnerScope =
  | { readonly kind: 'realm'; readonly realm: string }
  | { readonly kind: 'username'; readonly username: string }
  | ({ readonly kind: 'realm-user' } & Owner)

/**
 * An owner as one text: RFC 7662's `sub`. A realm may have a slash in it too. Only the first one that is written as such
 * divides: no two owners share a subject.
 */
export function subjectOf({ realm, username }: Owner): string {
  return `${realm.replaceAll('%', '%25').replaceAll('/', '%2F')}/${username}`
}

/** Undefined for what `subjectOf` never answers. */
export function readSubject(subject: string): Owner | undefined {
  const slash = subject.indexOf('/')
  const owner = {
    realm: subject.slice(0, slash).replaceAll('%2F', '/').replaceAll('%25', '%'),
    username: subject.slice(slash + 1),
  }
  return slash > 0 && subjectOf(owner) === subject ? owner : undefined
}

const longestName = 255
const longestToken = 1024
const mostScopes = 64
/** RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E ). */
const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is control characters that must be found
const controlCharacter = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/

/**
 * A realm's or owner's name as a stranger sent it, unchanged.
 *
 * A lone surrogate would be stored as U+FFFD and so collide with another name; a NUL makes Postgres refuse the
 * statement; a line break forges log lines. All three are refused here, before anything is done.
 *
 * @throws TokenServiceError ERR_BAD_INPUT
 */
export function readName(field: string, text: string): string {
  assertText(field, text, longestName)
  if (text.trim() !== text) throw badInput(`Expected \`${field}\` without white space at its ends`)
  return text
}

/**
 * Text that may be a token. Whether it is one is for `readToken` to say: a stranger's garbage is an answer (nothing was
 * found), text that no token could ever be is an error.
 *
 * @throws TokenServiceError ERR_BAD_INPUT
 */
export function readTokenText(field: string, text: string): string {
  assertText(field, text, longestToken)
  return text
}

/** @throws TokenServiceError ERR_BAD_INPUT */
export function readScopes(scopes: readonly string[]): readonly string[] {
  if (scopes.length > mostScopes) throw badInput(`Expected at most ${mostScopes} \`scopes\`, got ${scopes.length}`)
  const wrong = scopes.findIndex((scope) => !scopeToken.test(scope))
  if (wrong !== -1)
    throw badInput(
      `Expected \`scopes[${wrong}]\` to be 1 to 128 visible ASCII characters without space, quote or backslash (RFC 6749 §3.3)`,
    )
  return [...new Set(scopes)]
}

export function badInput(message: string): TokenServiceError {
  return new TokenServiceError('ERR_BAD_INPUT', `${message}.`)
}

/**
 * Text for people to read, which is kept: unchanged, and no token in it.
 *
 * @throws TokenServiceError ERR_BAD_INPUT
 */
export function readText(field: string, text: string, longest: number): string {
  assertText(field, text, longest)
  if (text.search(tokenLookalike) !== -1)
    throw badInput(`Expected \`${field}\` without anything that looks like a token: it is kept`)
  return text
}

/** @throws TokenServiceError ERR_BAD_INPUT */
export function readOwnerScope(scope: OwnerScope): OwnerScope {
  switch (scope.kind) {
    case 'realm':
      return { kind: 'realm', realm: readName('realmName', scope.realm) }
    case 'username':
      return { kind: 'username', username: readName('username', scope.username) }
    case 'realm-user':
      return {
        kind: 'realm-user',
        realm: readName('realmName', scope.realm),
        username: readName('username', scope.username),
      }
    default:
      return scope satisfies never
  }
}

function assertText(field: string, text: string, longest: number): void {
  if (text === '') throw badInput(`Expected \`${field}\` to be text, got an empty string`)
  if (text.length > longest)
    throw badInput(`Expected \`${field}\` to have at most ${longest} characters, got ${text.length}`)
  if (!text.isWellFormed()) throw badInput(`Expected \`${field}\` to be well-formed Unicode, got a lone surrogate`)
  if (controlCharacter.test(text)) throw badInput(`Expected \`${field}\` without control characters`)
}
