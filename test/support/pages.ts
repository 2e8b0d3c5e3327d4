import { readdir, readFile } from 'node:fs/promises'

/** A fenced block of a page. */
export interface Block {
  /** Page and line, for messages. */
  readonly place: string
  readonly language: string
  readonly code: string
  /** The text between the block before it, or the page's beginning, and this one. */
  readonly textBefore: string
}

export interface Page {
  readonly path: string
  readonly text: string
  readonly blocks: readonly Block[]
  /** What `#…` in a link may name. */
  readonly anchors: ReadonlySet<string>
  /** Targets of its links, as they are written. */
  readonly links: readonly string[]
}

/** The README, the pages of docs/, CONTRIBUTING and SECURITY. */
export async function readPages(): Promise<readonly Page[]> {
  const names = (await readdir('docs')).filter((name) => name.endsWith('.md'))
  const paths = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...names.toSorted().map((name) => `docs/${name}`)]
  return Promise.all(paths.map(readPage))
}

export async function readPage(path: string): Promise<Page> {
  const text = await readFile(path, 'utf8')
  const prose = text.replaceAll(fence, '')
  return {
    path,
    text,
    blocks: [...blocksOf(path, text)],
    anchors: anchorsOf(prose),
    links: [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target),
  }
}

const fence = /^```(.*)\n([\s\S]*?)^```$/gm

function* blocksOf(path: string, text: string): Iterable<Block> {
  let end = 0
  for (const match of text.matchAll(fence)) {
    const [whole, language = '', code = ''] = match
    const place = `${path}:${text.slice(0, match.index).split('\n').length}`
    yield { place, language, code, textBefore: text.slice(end, match.index) }
    end = match.index + whole.length
  }
}

/** As GitHub names them: the heading's words in lower case, joined by hyphens, and a number for a repeated name. */
function anchorsOf(prose: string): ReadonlySet<string> {
  const counts = new Map<string, number>()
  const anchors = [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => {
    const name = heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-')
    const before = counts.get(name) ?? 0
    counts.set(name, before + 1)
    return before === 0 ? name : `${name}-${before}`
  })
  return new Set(anchors)
}

/** Commands that a page shows and no test may run: they install, start or build. */
export function isNpm({ language, code }: Block): boolean {
  return language === 'sh' && code.split('\n').every((line) => line === '' || line.startsWith('npm '))
}

/** Whether a block shows what the block before it prints. */
export function isOutput({ language, textBefore }: Block, before: Block | undefined): boolean {
  return ['json', 'text'].includes(language) && before?.language === 'sh' && !isNpm(before) && textBefore.trim() === ''
}

/** The commands of a `console` block, each with what it prints. */
export function readTranscript({ code }: Block): readonly { readonly command: string; readonly output: string }[] {
  return code
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...lines] = part.split('\n')
      return { command, output: lines.join('\n') }
    })
}

/** What differs from run to run, from machine to machine, or with the width of a column is the same in both. */
export function withoutAccidents(output: string): string {
  return output
    .replaceAll(/\b(it[ars]_)[\w-]+…?/g, '$1')
    .replaceAll(/\bBasic [\w+/=]+/g, 'Basic')
    .replaceAll(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, 'INSTANT')
    .replaceAll(/PostgreSQL at [^\s"]+\/\w+/g, 'PostgreSQL at URL')
    .replaceAll(/\boperator:\w+/g, 'operator:NAME')
    .replaceAll(/(?<="revocation":"|^Revocation +)\d+|^\d+(?= +INSTANT)/gm, 'ID')
    .replaceAll(/\b\d{19}-\d+-\d{13}\b/g, 'EPOCH')
    .replaceAll(/ {2,}/g, '  ')
    .replaceAll(/ +$/gm, '')
    .trim()
}
