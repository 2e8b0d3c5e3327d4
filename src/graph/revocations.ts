import type { Revocation } from '../tokens/coverage.ts'
import type { Builder } from './builder.ts'
import { idCursors, pageArguments, readId, readPage } from './connection.ts'
import { type OwnerInputRef, readScopeInput } from './owner.ts'
import type { ReasonRef } from './reason.ts'
import type { RevocationRef } from './revocation.ts'

interface Refs {
  readonly revocation: RevocationRef
  readonly reason: ReasonRef
  readonly ownerInput: OwnerInputRef
}

/** `revocations`: the record of who ended what, when and why. */
export function defineRevocations(builder: Builder, { revocation, reason, ownerInput }: Refs): void {
  const connection = builder.connectionObject(
    { type: revocation, name: 'RevocationConnection', description: 'Revocations, newest first.' },
    { name: 'RevocationEdge', description: 'A revocation and its position in the list.' },
  )
  const filter = builder.inputType('RevocationFilter', {
    description: 'Which revocations. A field that is left out does not restrict the list.',
    fields: (t) => ({
      owner: t.field({ type: ownerInput, description: 'Revocations that concern this owner, realm or username.' }),
      client: t.id({
        description:
          'Revocations of all that this client created. Needs the scope `manage_token`. Not together with `owner`.',
      }),
      session: t.id({ description: 'Revocations of this session or of a token of it.' }),
      reason: t.field({ type: reason, description: 'Revocations for this reason.' }),
    }),
  })
  builder.queryField('revocations', (t) =>
    t.field({
      type: connection,
      description:
        'The record of invalidations, including those that the service made by itself. With the scope `manage_token`: all of them. For an owner: those that name this owner.',
      args: {
        ...pageArguments(builder),
        filter: t.arg({ type: filter, description: 'Which revocations.' }),
      },
      resolve: (_, { filter: asked, ...args }, { tokens, caller }) => {
        const request = {
          scope: readScopeInput(asked ?? {}),
          sessionId: asked?.session == null ? undefined : readId(asked.session),
          reason: asked?.reason ?? undefined,
        }
        return readPage(args, cursors, (before, limit) => tokens.listRevocations({ ...request, before, limit }, caller))
      },
    }),
  )
}

const cursors = idCursors('revocation', ({ revision }: Revocation) => revision)
