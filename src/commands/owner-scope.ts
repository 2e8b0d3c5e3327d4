import type { OwnerScope } from '../tokens/owner.ts'

/** The scope that `--realm` and `--username` name together; undefined if neither was given. */
export function ownerScopeOf(realm: string | undefined, username: string | undefined): OwnerScope | undefined {
  if (realm !== undefined && username !== undefined) return { kind: 'realm-user', realm, username }
  if (realm !== undefined) return { kind: 'realm', realm }
  return username === undefined ? undefined : { kind: 'username', username }
}
