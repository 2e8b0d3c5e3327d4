/** Secrets have 32 characters or more, and so has every token. */
const maxLength = 31

/**
 * Whether a message may repeat a name that a request made up, such as that of an unknown field. A secret that was put
 * there by mistake would come back in the answer, and from there into logs.
 */
export function isShowable(name: string): boolean {
  return name.length <= maxLength && /^[\w.-]+$/.test(name)
}
