#!/usr/bin/env node
import { readConfig, readEnvironment } from './config.ts'
import { type Service, startService } from './service.ts'
import { TokenServiceError } from './tokens/errors.ts'

try {
  const service = await startService(readConfig(readEnvironment()))
  process.stdout.write(announcement(service))
  stopOnSignals(service)
} catch (error) {
  process.stderr.write(`${describeFault(error)}\n`)
  process.exitCode = 1
}

/** A fault that has a sentence for people needs no stack, only what is behind it; anything else is ours and does. */
function describeFault(error: unknown): string {
  if (!(error instanceof TokenServiceError))
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message
}

function stopOnSignals(service: Service): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      process.stdout.write(`\n${signal}: finishing the requests under way\n`)
      service.stop().catch((error: unknown) => {
        process.stderr.write(`Could not stop cleanly: ${String(error)}\n`)
        process.exitCode = 1
      })
    })
  }
}

function announcement({ url, database, newAdminSecret }: Service): string {
  const lines = [
    `invalidate-token is ready after ${(process.uptime()).toFixed(1)} s`,
    '',
    `  GraphiQL   ${url}`,
    `  Database   ${database}`,
  ]
  if (newAdminSecret !== undefined)
    lines.push(
      '',
      '  The admin client, shown this once:',
      '',
      '  id         admin',
      `  secret     ${newAdminSecret}`,
      `  header     { "Authorization": "Basic ${Buffer.from(`admin:${newAdminSecret}`).toString('base64')}" }`,
    )
  return `\n${lines.join('\n')}\n\n`
}
