/** The owner of a token. Both names are compared byte for byte: no case folding, no normalisation. */
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
 * An owner as one text, for RFC 7662's `sub`: realm, slash, username. A slash in the realm is escaped, so the first
 * slash always separates the two, and no two owners have the same subject.
 */
export function subjectOf({ realm, username }: Owner): string {
  return `${realm.replaceAll('%', '%25').replaceAll('/', '%2F')}/${username}`
}

/** The owner that a subject names; undefined for text that `subjectOf` never answers. */
export function readSubject(subject: string): Owner | undefined {
  const slash = subject.indexOf('/')
  const owner = {
    realm: subject.slice(0, slash).replaceAll('%2F', '/').replaceAll('%25', '%'),
    username: subject.slice(slash + 1),
  }
  return slash > 0 && subjectOf(owner) === subject ? owner : undefined
}
