import { writeFile } from 'node:fs/promises'
import { printSchema } from 'graphql'
import { createSchema } from '../src/graph/schema.ts'

const sdl = `${printSchema(createSchema())}\n`
await writeFile(new URL('../schema.graphql', import.meta.url), sdl)
process.stdout.write(sdl)
