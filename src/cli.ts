#!/usr/bin/env node
import { run } from './commands/program.ts'

// The reader of the output may go away, or its disk may be full. Without these listeners that would end the service. A
// command learns of it from the result of its own write.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)

process.exitCode = await run(process.argv.slice(2))
