import { onTestFinished } from 'vitest'
import type { Guard, GuardOptions } from '../../src/guard/api.ts'
import type { GuardEvent } from '../../src/guard/events.ts'
import { fromTokens } from '../../src/guard/from-tokens.ts'
import { createGuardWithClocks } from '../../src/guard/guard.ts'
import type { TestService } from './service.ts'

/** A guard in the process of a test service, by the service's clock. Closed when its test is over. */
export async function followService(
  service: TestService,
  options: Partial<GuardOptions> = {},
): Promise<{ readonly guard: Guard; readonly events: GuardEvent[] }> {
  const events: GuardEvent[] = []
  const guard = createGuardWithClocks(
    { source: fromTokens(service.tokens), onEvent: (event) => events.push(event), ...options },
    { monotonic: () => performance.now(), wall: () => service.clock.now().getTime() },
  )
  onTestFinished(() => guard.close())
  await guard.ready({ withinMs: 60_000 })
  return { guard, events }
}
