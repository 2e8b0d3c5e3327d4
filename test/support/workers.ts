import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** How a request ended for its client: its status, `refused` if it was never sent, or `unknown` and why. */
export type Outcome = number | 'refused' | `unknown: ${string}`

export interface WorkerOptions {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Whether each request goes on a connection of its own. */
  readonly opensEach?: boolean
  /** The longest pause between two requests. */
  readonly mostPauseMs?: number
  readonly onOutcome: (outcome: Outcome) => void
}

/** Sends one request after the other until the server accepts no connection any more. */
export async function workUntilRefused(options: WorkerOptions): Promise<void> {
  const agent = new Agent({ keepAlive: options.opensEach !== true, maxSockets: 1 })
  for (let outcome: Outcome = 0; outcome !== 'refused'; ) {
    outcome = await send(options, agent)
    options.onOutcome(outcome)
    await sleep(Math.random() * (options.mostPauseMs ?? 0))
  }
  agent.destroy()
}

function send({ url, headers, body }: WorkerOptions, agent: Agent): Promise<Outcome> {
  return new Promise((resolve) => {
    const sent = request(url, { method: 'POST', agent, headers }, (answer) => {
      answer.resume().on('end', () => resolve(answer.complete ? (answer.statusCode ?? 0) : 'unknown: half an answer'))
      answer.on('error', ({ message }) => resolve(`unknown: ${message}`))
    })
    // A connection that was not made has carried nothing.
    sent.on('error', (error: NodeJS.ErrnoException) =>
      resolve(error.syscall === 'connect' ? 'refused' : `unknown: ${error.message}`),
    )
    sent.end(body)
  })
}
