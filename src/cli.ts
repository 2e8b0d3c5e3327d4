#!/usr/bin/env node
import { run } from './commands/program.ts'

// Whoever read along may go, as in `revocations | head`. That ends no service, and is no fault of a command.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

process.exitCode = await run(process.argv.slice(2))
