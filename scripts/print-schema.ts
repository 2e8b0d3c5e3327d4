import { writeFile } from 'node:fs/promises'
import { createSdl } from '../src/graph/schema.ts'

const sdl = createSdl()
await writeFile(new URL('../schema.graphql', import.meta.url), sdl)
process.stdout.write(sdl)
