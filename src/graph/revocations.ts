import type { Revocation } from '../tokens/coverage.ts'
import type { Builder } from './builder.ts'
import { pageArguments, readId, readPage } from './connection.ts'
import { type OwnerInputRef, readOwnerInput } from './owner.ts'
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
    { type: revocation, name: 'RevocationConnection', description: 'Invalidations, the newest first.' },
    { name: 'RevocationEdge', description: 'An invalidation and its place in the list.' },
  )
  const filter = builder.inputType('RevocationFilter', {
    description: 'Which invalidations. What is left out does not matter.',
    fields: (t) => ({
      owner: t.field({ type: ownerInput, description: 'Those about this owner, realm or name.' }),
      session: t.id({ description: 'Those of this session or of a token of it.' }),
      reason: t.field({ type: reason, description: 'Those for this reason.' }),
    }),
  })
  builder.queryField('revocations', (t) =>
    t.field({
      type: connection,
      description:
        'The record of invalidations, also of those that the service made by itself. With the scope `manage_token` all of them; an owner sees those that name them.',
      args: {
        ...pageArguments(builder),
        filter: t.arg({ type: filter, description: 'Which of them.' }),
      },
      resolve: (_, { filter: asked, ...args }, { tokens, caller }) => {
        const request = {
          scope: asked?.owner == null ? undefined : readOwnerInput(asked.owner),
          sessionId: asked?.session == null ? undefined : readId(asked.session),
          reason: asked?.reason ?? undefined,
        }
        return readPage(
          args,
          'revocation',
          ({ revision }: Revocation) => revision,
          (page) => tokens.listRevocations({ ...request, ...page }, caller),
        )
      },
    }),
  )
}
