import type { Caller } from '../../tokens/caller.ts'
import { BadInputError, messageInDialect, quoteNames } from '../../tokens/input-fault.ts'
import { type OwnerScope, readSubject } from '../../tokens/owner.ts'
import type { Tokens } from '../../tokens/tokens.ts'
import { countMembers, isObject, readJson, readText } from '../body.ts'
import { answerEmpty, OAuthError } from './answer.ts'
import { parameterNames } from './parameter-names.ts'

interface JsonRequest {
  readonly request: Request
  readonly caller: Caller
  readonly issuer: string
}

/**
 * Global Token Revocation (draft-parecki-oauth-global-token-revocation-06): ends every token of a subject.
 *
 * The caller needs the scope `manage_token` or must be that owner, as for any invalidation of an owner. The answer is
 * 204 also when there was nothing to end: this service knows tokens, not users, so no subject can be "not found".
 */
export async function revokeGlobally(tokens: Tokens, { request, caller, issuer }: JsonRequest): Promise<Response> {
  const { scope, members } = await readSubjectId(request, issuer)
  try {
    await tokens.invalidate({ kind: 'owner', scope }, caller, { reason: 'session-revoked' })
  } catch (error) {
    throw error instanceof BadInputError ? malformed(messageInDialect(error, nameMembers(members))) : error
  }
  return answerEmpty(204)
}

/** An owner, or a name in all realms, with the members of `sub_id` that the realm and the username came from. */
interface Subject {
  readonly scope: OwnerScope
  readonly members: { readonly realm: string; readonly username: string }
}

function nameMembers({ realm, username }: Subject['members']) {
  return quoteNames({ ...parameterNames, realm: `sub_id.${realm}`, username: `sub_id.${username}` })
}

/** A way to name a subject: the members beside `format`, and the owner that they name. */
interface Format {
  readonly members: readonly string[]
  read(text: (member: string) => string, issuer: string): Subject
}

/** The formats of RFC 9493 §3.2 that name an owner. Guessing at any other might end the wrong tokens, or none. */
const formats: ReadonlyMap<unknown, Format> = new Map<string, Format>([
  ['iss_sub', { members: ['iss', 'sub'], read: readIssuedSubject }],
  ['opaque', { members: ['id'], read: (text) => readOwner('id', text('id')) }],
  ['email', { members: ['email'], read: (text) => readEmail(text('email')) }],
])

/** What is not understood is refused and not skipped: the request may have meant fewer tokens than would be ended. */
async function readSubjectId(request: Request, issuer: string): Promise<Subject> {
  if (!/^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? ''))
    throw malformed('Expected `Content-Type: application/json`')
  const text = await readText(request)
  const body = readJson<unknown>(text, 'body')
  if (!isObject(body) || !isObject(body['sub_id']) || Object.keys(body).length > 1)
    throw malformed('Expected the body to be an object with `sub_id` (RFC 9493) and nothing else')
  const { format: name, ...members } = body['sub_id']
  const format = formats.get(name)
  if (format === undefined) throw malformed(`Expected \`sub_id.format\` to be one of ${[...formats.keys()].join(', ')}`)
  // RFC 9493 §3: it "MUST NOT contain any members prohibited or not described by its Identifier Format".
  if (Object.keys(members).some((member) => !format.members.includes(member)))
    throw malformed(`Expected \`sub_id\` to have ${format.members.join(', ')} beside \`format\` and nothing else`)
  if (countMembers(text) > 1 + Object.keys(body['sub_id']).length)
    throw malformed('Expected no member of the body twice')
  return format.read((member) => readMember(member, members[member]), issuer)
}

function readMember(member: string, value: unknown): string {
  if (typeof value !== 'string') throw malformed(`Expected \`sub_id.${member}\` to be text`)
  return value
}

/** A subject of this service, or one of another issuer: that issuer is then the realm. */
function readIssuedSubject(text: (member: string) => string, issuer: string): Subject {
  const [iss, sub] = [text('iss'), text('sub')]
  if (iss === issuer || iss === `${issuer}/`) return readOwner('sub', sub)
  return {
    scope: { kind: 'realm-user', realm: iss, username: sub },
    members: { realm: 'iss', username: 'sub' },
  }
}

/** Reads a subject as introspection names an owner. */
function readOwner(member: string, subject: string): Subject {
  const owner = readSubject(subject)
  if (owner === undefined) throw malformed(`Expected \`sub_id.${member}\` to be a \`sub\` as introspection answers it`)
  return { scope: { kind: 'realm-user', ...owner }, members: { realm: member, username: member } }
}

/** An email address is one person's in every realm. A name without @ may be another person's in each: it is refused. */
function readEmail(email: string): Subject {
  if (!/^[^\s@]+@[^\s@]+$/.test(email)) throw malformed('Expected `sub_id.email` to be an address')
  return { scope: { kind: 'username', username: email }, members: { realm: 'email', username: 'email' } }
}

function malformed(message: string): OAuthError {
  return new OAuthError('invalid_request', message)
}
