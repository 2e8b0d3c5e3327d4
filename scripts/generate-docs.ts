import { writeFile } from 'node:fs/promises'
import { createDashboard } from './dashboard.ts'
import { generatePages } from './generated-pages.ts'

const files = {
  ...(await generatePages()),
  'examples/observability/dashboard.json': `${JSON.stringify(createDashboard(), undefined, 2)}\n`,
}
for (const [path, text] of Object.entries(files)) await writeFile(new URL(`../${path}`, import.meta.url), text)
process.stdout.write(`wrote ${Object.keys(files).join(', ')}\n`)
