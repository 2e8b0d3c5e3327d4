import { writeFile } from 'node:fs/promises'
import { generatePages } from './generated-pages.ts'

for (const [path, text] of Object.entries(await generatePages()))
  await writeFile(new URL(`../${path}`, import.meta.url), text)
