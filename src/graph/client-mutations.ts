import type { ClientRefusal } from '../tokens/client-store.ts'
import type { ClientAnswer, ClientChanged } from '../tokens/client-verbs.ts'
import type { InvalidationAnswer } from '../tokens/invalidate.ts'
import type { Builder } from './builder.ts'
import type { ClientRef } from './clients.ts'
import type { InvalidationResultRef } from './invalidation.ts'

interface Refs {
  readonly tokenClient: ClientRef
  readonly invalidation: InvalidationResultRef
}

/** The mutations that add, change, disable and delete clients. */
export function defineClientMutations(builder: Builder, refs: Refs): void {
  const result = defineResult(builder, refs)
  defineCreate(builder, result)
  defineRotateSecret(builder, result)
  defineReplaceSecret(builder, result)
  defineUpdate(builder, result)
  defineDisable(builder, result)
  defineEnable(builder, result)
  defineDelete(builder, result)
}

type ClientResultRef = ReturnType<typeof defineResult>
type Refused = Extract<ClientAnswer, { readonly outcome: 'refused' }>

function defineResult(builder: Builder, { tokenClient, invalidation }: Refs) {
  const changed = builder.objectRef<ClientChanged>('TokenClientChanged').implement({
    description: 'The client was added or changed, and the change has taken effect.',
    fields: (t) => ({
      client: t.field({
        type: tokenClient,
        description: 'The client as it is now. After `deleteTokenClient`, as it was deleted.',
        resolve: ({ client }) => client,
      }),
      secret: t.string({
        nullable: true,
        description:
          'The secret, if this request generated one. It is shown only in this answer and cannot be shown again. Begins with `its_`. Null if the request chose a secret, or changed none.',
        resolve: ({ secret }) => secret,
      }),
      invalidation: t.field({
        type: invalidation,
        nullable: true,
        description:
          'The tokens that ended with the change. Null if the change ends none, or if counting them took too long: then the record, `revocations`, has the counts within minutes.',
        resolve: invalidationOf,
      }),
    }),
  })
  return builder.unionType('TokenClientResult', {
    description: 'The client as it is now, or the reason why nothing was changed.',
    types: [changed, defineRejected(builder)],
    resolveType: ({ outcome }) => (outcome === 'changed' ? 'TokenClientChanged' : 'TokenClientRejected'),
  })
}

function invalidationOf({ ended }: ClientChanged): InvalidationAnswer | undefined {
  return ended?.counts && { ...ended.counts, revision: ended.revision, errors: [] }
}

const rejectionMessages: Readonly<Record<ClientRefusal, string>> = {
  unknown: 'There is no client with this id, or it was deleted.',
  exists: 'A client has this id already. Choose another id.',
  'id-used': 'A client that was deleted had this id, and an id is never used again. Choose another id.',
  disabled: 'The client is disabled. Enable it first.',
  enabled: 'The client is enabled already. To give it another secret, rotate or replace the secret.',
  'last-manager':
    'No other enabled client has the scope `manage_clients`. Give it to another client first, or no client could be managed any more.',
}

function defineRejected(builder: Builder) {
  const rejection = builder.enumType('TokenClientRejection', {
    description: 'Why a client was not added or changed.',
    values: {
      UNKNOWN: { value: 'unknown', description: rejectionMessages.unknown },
      EXISTS: { value: 'exists', description: rejectionMessages.exists },
      ID_USED: { value: 'id-used', description: rejectionMessages['id-used'] },
      DISABLED: { value: 'disabled', description: rejectionMessages.disabled },
      ENABLED: { value: 'enabled', description: rejectionMessages.enabled },
      LAST_MANAGER: { value: 'last-manager', description: rejectionMessages['last-manager'] },
    } as const,
  })
  return builder.objectRef<Refused>('TokenClientRejected').implement({
    description:
      'Nothing was changed. This is an expected outcome, so it is an answer and not an error. What the caller has no right to is an error.',
    fields: (t) => ({
      code: t.field({ type: rejection, description: 'The reason, for programs.', resolve: ({ reason }) => reason }),
      message: t.string({
        description: 'The reason, for readers.',
        resolve: ({ reason }) => rejectionMessages[reason],
      }),
    }),
  })
}

const idDescription = 'The id of the client.'
const secretDescription =
  'Its secret: 32 to 512 visible ASCII characters without spaces. Without it, one is generated and answered once: prefer that, because an argument may be kept in a log on its way.'
const scopesDescription =
  'What it may do: any of `create_token`, `introspect_token`, `manage_token`, `follow_revocations` and `manage_clients`. The caller must have them all.'
const endSessionsDescription =
  'True to end all that the client created, also the sessions of owners, in the same commit. False by default: only the tokens that the client has for itself end.'
/** The rights that each of the mutations needs. */
const rights = 'Needs the scope `manage_clients`, and all scopes that the client has.'

/** Leaves out what the request does not set, so that the verb's own default holds. */
function given<Value>(value: Value | null | undefined): Value | undefined {
  return value ?? undefined
}

function defineCreate(builder: Builder, result: ClientResultRef): void {
  const input = builder.inputType('CreateTokenClientInput', {
    description: 'The client to add.',
    fields: (t) => ({
      id: t.id({
        required: true,
        description:
          'The id that it will authenticate with: 1 to 100 visible ASCII characters without a space or a colon.',
      }),
      scopes: t.stringList({ required: true, description: scopesDescription }),
      secret: t.string({ description: secretDescription }),
    }),
  })
  builder.mutationField('createTokenClient', (t) =>
    t.field({
      type: result,
      description:
        'Adds a client. Of concurrent requests with one id, one adds it. Needs the scope `manage_clients`, and all scopes that the client is given.',
      args: { input: t.arg({ type: input, required: true, description: 'The client to add.' }) },
      resolve: (_, { input: { id, scopes, secret } }, { tokens, caller }) =>
        tokens.createClient({ id: String(id), scopes, secret: given(secret) }, caller),
    }),
  )
}

function defineRotateSecret(builder: Builder, result: ClientResultRef): void {
  const input = builder.inputType('RotateTokenClientSecretInput', {
    description: 'Which client gets another secret, and how long the previous one is accepted.',
    fields: (t) => ({
      id: t.id({ required: true, description: idDescription }),
      secret: t.string({ description: secretDescription }),
      keepPreviousSeconds: t.int({
        description: 'How long the previous secret is accepted: 0 to 2592000 (30 days). 86400 (a day) by default.',
      }),
    }),
  })
  builder.mutationField('rotateTokenClientSecret', (t) =>
    t.field({
      type: result,
      description: [
        `Gives a client another secret, as planned. The previous one is accepted for a while, so that nothing fails until each instance of the client has the new one. No token ends. ${rights}`,
        'Rotating to the secret that the client has already changes nothing, so a request with `secret` can be repeated if its answer was lost. Only one previous secret is accepted: another rotation drops the one before it. For a secret that leaked, use `replaceTokenClientSecret`.',
      ].join('\n\n'),
      args: { input: t.arg({ type: input, required: true, description: 'Which client, and for how long.' }) },
      resolve: (_, { input: { id, secret, keepPreviousSeconds } }, { tokens, caller }) =>
        tokens.rotateClientSecret(
          { id: String(id), secret: given(secret), keepPreviousSeconds: given(keepPreviousSeconds) },
          caller,
        ),
    }),
  )
}

function defineReplaceSecret(builder: Builder, result: ClientResultRef): void {
  const input = builder.inputType('ReplaceTokenClientSecretInput', {
    description: 'Which client gets another secret, and what ends.',
    fields: (t) => ({
      id: t.id({ required: true, description: idDescription }),
      secret: t.string({ description: secretDescription }),
      endSessions: t.boolean({ description: endSessionsDescription }),
    }),
  })
  builder.mutationField('replaceTokenClientSecret', (t) =>
    t.field({
      type: result,
      description: [
        `Gives a client another secret because the old one has leaked: that one, and one kept by a rotation, are refused at once. ${rights}`,
        'The tokens that the client has for itself end. The sessions that it created for owners lose the scopes of this service; a thief may have created some of them, so `endSessions` ends them all.',
      ].join('\n\n'),
      args: { input: t.arg({ type: input, required: true, description: 'Which client, and what ends.' }) },
      resolve: (_, { input: { id, secret, endSessions } }, { tokens, caller }) =>
        tokens.replaceClientSecret({ id: String(id), secret: given(secret), endSessions: given(endSessions) }, caller),
    }),
  )
}

function defineUpdate(builder: Builder, result: ClientResultRef): void {
  const input = builder.inputType('UpdateTokenClientInput', {
    description: 'Which client gets which scopes.',
    fields: (t) => ({
      id: t.id({ required: true, description: idDescription }),
      scopes: t.stringList({ required: true, description: scopesDescription }),
    }),
  })
  builder.mutationField('updateTokenClient', (t) =>
    t.field({
      type: result,
      description: `Sets the scopes of a client. Scopes that are not named are taken from it, and from the tokens that it created. ${rights}`,
      args: { input: t.arg({ type: input, required: true, description: 'Which client, and which scopes.' }) },
      resolve: (_, { input: { id, scopes } }, { tokens, caller }) =>
        tokens.updateClient({ id: String(id), scopes }, caller),
    }),
  )
}

function defineDisable(builder: Builder, result: ClientResultRef): void {
  const input = builder.inputType('DisableTokenClientInput', {
    description: 'Which client is disabled, and what ends.',
    fields: (t) => ({
      id: t.id({ required: true, description: idDescription }),
      endSessions: t.boolean({ description: endSessionsDescription }),
    }),
  })
  builder.mutationField('disableTokenClient', (t) =>
    t.field({
      type: result,
      description: `Disables a client: its next request fails to authenticate, and the tokens that it has for itself end. Repeating it is safe, and answers the same \`disabledAt\`. ${rights}`,
      args: { input: t.arg({ type: input, required: true, description: 'Which client, and what ends.' }) },
      resolve: (_, { input: { id, endSessions } }, { tokens, caller }) =>
        tokens.disableClient({ id: String(id), endSessions: given(endSessions) }, caller),
    }),
  )
}

function defineEnable(builder: Builder, result: ClientResultRef): void {
  const input = builder.inputType('EnableTokenClientInput', {
    description: 'Which client is enabled, and its new secret.',
    fields: (t) => ({
      id: t.id({ required: true, description: idDescription }),
      secret: t.string({ description: secretDescription }),
    }),
  })
  builder.mutationField('enableTokenClient', (t) =>
    t.field({
      type: result,
      description: `Enables a disabled client, with a new secret. What has ended stays ended. ${rights}`,
      args: { input: t.arg({ type: input, required: true, description: 'Which client, and its secret.' }) },
      resolve: (_, { input: { id, secret } }, { tokens, caller }) =>
        tokens.enableClient({ id: String(id), secret: given(secret) }, caller),
    }),
  )
}

function defineDelete(builder: Builder, result: ClientResultRef): void {
  const input = builder.inputType('DeleteTokenClientInput', {
    description: 'Which client is deleted.',
    fields: (t) => ({ id: t.id({ required: true, description: idDescription }) }),
  })
  builder.mutationField('deleteTokenClient', (t) =>
    t.field({
      type: result,
      description: `Deletes a client, and ends all that it created: its own tokens, and every session that it created for an owner. It cannot be undone, and the id is never used again. ${rights}`,
      args: { input: t.arg({ type: input, required: true, description: 'Which client.' }) },
      resolve: (_, { input: { id } }, { tokens, caller }) => tokens.deleteClient({ id: String(id) }, caller),
    }),
  )
}
