import { writeFile } from 'node:fs/promises'
import { generateOperations } from '../examples/frontend/codegen.ts'

await writeFile(new URL('../examples/frontend/operations.ts', import.meta.url), await generateOperations())
