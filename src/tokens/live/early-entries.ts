import type { BlockSection, OwnerRevocation } from '../block.ts'

/** Bounds the memory. When it is reached, what was sent early is sent again when the log shows it, which is harmless. */
const mostEntries = 20_000

/** What was sent because a notification said so, until the log shows it. */
export class EarlyEntries {
  readonly #keys = new Set<string>()

  /** What of this was not added before. */
  add(section: BlockSection): BlockSection {
    if (this.#keys.size > mostEntries) this.#keys.clear()
    return filter(section, (key) => {
      if (this.#keys.has(key)) return false
      this.#keys.add(key)
      return true
    })
  }

  clear(): void {
    this.#keys.clear()
  }

  /** What of this was not added. What was added is forgotten. */
  without(section: BlockSection): BlockSection {
    return this.#keys.size === 0 ? section : filter(section, (key) => !this.#keys.delete(key))
  }
}

function filter(section: BlockSection, isKept: (key: string) => boolean): BlockSection {
  const { ageSeconds, accessTokens, sessions, owners } = section
  return {
    ageSeconds,
    accessTokens: accessTokens.filter((id) => isKept(`token ${id}`)),
    sessions: sessions.filter((id) => isKept(`session ${id}`)),
    owners: owners.filter((owner) => isKept(keyOf(owner))),
  }
}

function keyOf({ realm, username, clientId, bound, sparedSessionId }: OwnerRevocation): string {
  return JSON.stringify([realm, username, clientId, bound, sparedSessionId])
}
