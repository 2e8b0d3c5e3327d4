/** The bytes of a text in base64url (RFC 4648 §5), as the service writes blocks. Runs without Node's Buffer. */
export function readBase64url(text: string): Uint8Array {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  const bytes = new Uint8Array(binary.length)
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at)
  return bytes
}
