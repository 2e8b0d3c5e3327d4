import type { Command } from 'commander'
import { type Config, readConfig, readEnvironment } from '../config.ts'
import type { EmitEvent } from '../events/events.ts'
import type { Service } from '../service.ts'
import { CommandFault } from './fault.ts'
import { type Answer, basicAuthorization, jsonOption, type OutputOptions, print } from './output.ts'

export function defineServe(program: Command): void {
  program
    .command('serve')
    .summary('serve GraphQL and GraphiQL')
    .description(
      'Serves GraphQL and GraphiQL until SIGTERM or SIGINT.\nAt the first start on an empty database it creates the client `admin` and prints its secret, only this once.',
    )
    .option(...jsonOption)
    .action(serve)
}

async function serve(options: OutputOptions): Promise<void> {
  // Imported here and not at the top: loading GraphQL takes longer than running any of the other commands.
  const { startService } = await import('../service.ts')
  const { openLog } = await import('../telemetry.ts')
  const config = readConfig(readEnvironment())
  const { emit, onRequest } = openLog(config.log)
  const service = await startService(config, { emit, ...(onRequest && { onRequest }) })
  stopOnSignals({ service, emit }, options)
  await print(announce(service, config), options).catch(async (error) => {
    await service.stop()
    throw error
  })
}

/** After this time the process ends, whatever still runs. `stop` takes less, unless something does not end. */
const mostStopMs = 5_000

interface Running {
  readonly service: Service
  readonly emit: EmitEvent
}

/** A second signal ends the process at once: it has no listener any more. */
function stopOnSignals({ service, emit }: Running, { json = false }: OutputOptions): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      if (!json) process.stdout.write(`\n${signal}: finishing the requests under way\n`)
      // It does not keep alive a process that has nothing left to do.
      setTimeout(() => forceExit(emit), mostStopMs).unref()
      service.stop().catch((error: unknown) => {
        process.stderr.write(`Could not stop cleanly: ${String(error)}\n`)
        process.exitCode = 1
      })
    })
  }
}

function forceExit(emit: EmitEvent): never {
  emit({ name: 'stop_forced' })
  process.exit(1)
}

const lostSecret = new CommandFault(
  'ERR_OUTPUT',
  'The client admin was created, but its secret could not be written to standard output, so it is lost: start with ADMIN_SECRET set.',
)

function announce({ url, database, metricsUrl, newAdminSecret }: Service, { exposure }: Config): Answer {
  const lines = [
    `invalidate-token is ready after ${(process.uptime()).toFixed(1)} s`,
    '',
    `  ${exposure.graphiql ? 'GraphiQL' : 'GraphQL '}   ${url}`,
    `  Database   ${database}`,
  ]
  if (metricsUrl !== undefined) lines.push(`  Metrics    ${metricsUrl}`)
  if (newAdminSecret !== undefined)
    lines.push(
      '',
      '  The admin client, shown this once:',
      '',
      '  id         admin',
      `  secret     ${newAdminSecret}`,
      `  header     Authorization: ${basicAuthorization('admin', newAdminSecret)}`,
      `  JSON       { "Authorization": "${basicAuthorization('admin', newAdminSecret)}" }`,
    )
  return {
    text: `\n${lines.join('\n')}\n`,
    json: { url, database, metricsUrl, newAdminSecret },
    ifLost: newAdminSecret === undefined ? undefined : lostSecret,
  }
}
