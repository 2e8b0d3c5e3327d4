import { writeFile } from 'node:fs/promises'
import { generatePages } from './generated-pages.ts'

const pages = await generatePages()
for (const [path, text] of Object.entries(pages)) await writeFile(new URL(`../${path}`, import.meta.url), text)
process.stdout.write(`wrote ${Object.keys(pages).join(', ')}\n`)
