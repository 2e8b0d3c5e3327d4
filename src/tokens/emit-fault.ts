import type { EmitEvent } from '../events/events.ts'
import { TokenServiceError } from './errors.ts'

/**
 * Reports an error that the caller of a request did not cause and cannot correct. All dialects report by this function,
 * so that the same fault is the same event in each of them.
 */
export function emitFault(emit: EmitEvent, error: unknown): void {
  const isUnavailable = error instanceof TokenServiceError && error.code === 'ERR_STORAGE_UNAVAILABLE'
  emit({ name: isUnavailable ? 'database_unreachable' : 'unexpected_error', error })
}
