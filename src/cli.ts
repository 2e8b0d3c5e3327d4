#!/usr/bin/env node
import { run } from './commands/program.ts'

// Whoever reads along may go, or their disk be full: that ends no service. A command learns it from the write itself.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)

process.exitCode = await run(process.argv.slice(2))
