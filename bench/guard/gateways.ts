/**
 * A process with many guards, each with a connection of its own, as many gateways have. Its parent names a token; it
 * answers when each guard watches it, and then when each one has refused it.
 */

import { fromService } from '../../src/guard/from-service.ts'
import { createGuard } from '../../src/guard/guard.ts'
import type { FromGateways, Setup, ToGateways } from './messages.ts'

const { url, clientId, secret, guards: count, isGeneral }: Setup = JSON.parse(process.argv[2] ?? '')

/** Byte for byte not the operation of a guard: the service then runs the document for each event and each guard. */
const generalFetch: typeof fetch = (input, init) =>
  fetch(input, { ...init, body: String(init?.body).replace('}","variables"', '} ","variables"') })

const source = fromService({ url, clientId, secret, ...(isGeneral && { fetch: generalFetch }) })
const guards = Array.from({ length: count }, () => createGuard({ source }))
await Promise.all(guards.map((guard) => guard.ready({ withinMs: 60_000 })))
process.on('message', ({ claims }: ToGateways) => {
  const endedAt: string[] = []
  for (const guard of guards) {
    const verdict = guard.checkClaims(claims)
    if (verdict.outcome !== 'valid') throw new Error(`Expected a valid token, got ${JSON.stringify(verdict)}`)
    guard.watch(verdict.token, () => {
      endedAt.push(String(process.hrtime.bigint()))
      if (endedAt.length === guards.length) send({ endedAt })
    })
  }
  send('watching')
})
process.on('disconnect', () => process.exit())
send('ready')

function send(message: FromGateways): void {
  process.send?.(message)
}
