/**
 * How often something failed within a window of time, counted by all instances together. The key is a digest: neither an
 * address nor a name that somebody claimed is kept.
 */
export interface FailureCounts {
  /** Adds a failure, and answers the count with it. The first one opens a window of so many seconds. */
  add(key: Uint8Array, windowSeconds: number): Promise<FailureCount>
  /** The count now; 0 outside of a window. */
  read(key: Uint8Array): Promise<FailureCount>
}

export interface FailureCount {
  readonly failures: number
  /** Milliseconds until the window ends. */
  readonly endsInMs: number
}
