/** Watches the requests of a server, for metrics, traces and the access log. */
export interface RequestObserver {
  /** A request has arrived. Its headers are read for the trace that it belongs to. */
  begin(request: ArrivedRequest): WatchedRequest
  /** `count` answers how many connections are open. */
  watchConnections(count: () => number): void
}

export interface ArrivedRequest {
  readonly method: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

export interface WatchedRequest {
  /** Runs the code that answers the request. */
  run(answer: () => void): void
  /** Called once, when the answer is sent or its connection is lost. */
  end(ended: EndedRequest): void
}

/** How a request ended. It holds nothing that a caller chose but names that were checked. */
export interface EndedRequest {
  readonly id: string
  readonly method: string
  /** The path of its route; undefined if there is none. */
  readonly route: string | undefined
  readonly operation: string | undefined
  readonly caller: string | undefined
  readonly address: string | undefined
  readonly status: number
  /** How it ended: `answered`, `disconnected`, or why the server ended it. */
  readonly outcome: string
  readonly isStream: boolean
  readonly milliseconds: number
}
