/** A word or sign; or what stands between parentheses, or between `case` and `end`. */
type Node = Leaf | Group

interface Leaf {
  readonly kind: 'leaf'
  readonly text: string
  readonly isSpaced: boolean
}

interface Group {
  readonly kind: 'parentheses' | 'case'
  readonly children: readonly Node[]
  readonly isSpaced: boolean
}

const width = 120
const step = '  '

/**
 * A statement with line breaks and indentation that can be read: of a query that does not fit on a line, each clause
 * begins one. Line breaks and spaces come only where white space was, and inside of parentheses beside them.
 *
 * @throws Error if anything else changed
 */
export function formatStatement(text: string): string {
  const nodes = parse(text)
  const formatted = formatQuery(nodes, '').join('\n')
  if (flat(parse(formatted)) !== flat(nodes)) throw new Error(`Formatting would change the statement: ${text}`)
  return formatted
}

function parse(text: string): readonly Node[] {
  const tokens = [...text.matchAll(/\s+|'(?:[^']|'')*'|"(?:[^"]|"")*"|[A-Za-z_]\w*|[(),]|[^\s'"(),A-Za-z_]+/g)].map(
    ([token]) => token,
  )
  if (tokens.join('') !== text || tokens.some((token) => /^(--|\/\*)/.test(token)))
    throw new Error(`The formatter knows no comments and no open quotes: ${text}`)
  return parseUpTo(undefined, tokens.values())
}

function parseUpTo(end: string | undefined, tokens: Iterator<string>): readonly Node[] {
  const nodes: Node[] = []
  let isSpaced = false
  for (let next = tokens.next(); next.done !== true && next.value !== end; next = tokens.next()) {
    const text = next.value
    const isSpace = text.trim() === ''
    if (text === '(') nodes.push({ kind: 'parentheses', children: parseUpTo(')', tokens), isSpaced })
    else if (text === 'case') nodes.push({ kind: 'case', children: parseUpTo('end', tokens), isSpaced })
    else if (!isSpace) nodes.push({ kind: 'leaf', text, isSpaced })
    isSpaced = isSpace
  }
  return nodes
}

function flat(nodes: readonly Node[]): string {
  return nodes.map((node, index) => (node.isSpaced && index > 0 ? ' ' : '') + flatNode(node)).join('')
}

function flatNode(node: Node): string {
  if (node.kind === 'leaf') return node.text
  return node.kind === 'case' ? `case ${flat(node.children)} end` : `(${flat(node.children)})`
}

function formatQuery(nodes: readonly Node[], indent: string): readonly string[] {
  if (indent.length + flat(nodes).length <= width) return [indent + flat(nodes)]
  if (!isQuery(nodes)) return formatClause(nodes, indent, indent)
  const isUnion = nodes.some((node) => isWord(node, ['union']))
  const parts = split(nodes, isUnion ? startsUnionPart : startsClause)
  return parts.flatMap((part) => {
    if (isUnion && !isWord(part[0], unionEnds)) return formatQuery(part, indent)
    return formatClause(part, indent, isWord(part[0], ['with']) ? indent : indent + step)
  })
}

const unionEnds = ['order', 'limit', 'offset']

/** What follows the last query of a union is about all of them. */
function startsUnionPart(node: Node, previous: Node | undefined): boolean {
  return isWord(node, ['union', ...unionEnds]) || isWord(previous, ['all'])
}

/** Fills lines with the pieces of a clause. Each query of a `with` begins a line, and so does what follows a broken piece. */
function formatClause(nodes: readonly Node[], indent: string, hanging: string): readonly string[] {
  const lines = [indent]
  const isWith = isWord(nodes[0], ['with'])
  let isBroken = false
  for (const [index, piece] of split(nodes, startsPiece).entries()) {
    const isOwnLine = isWith || (isBroken && !isWord(piece[0], ['on', 'with']))
    if (index > 0 && (isOwnLine || !fits(lines, piece))) lines.push(hanging)
    isBroken = !fits(lines, piece)
    for (const [place, node] of piece.entries()) {
      // With the alias that follows it.
      if (node.kind === 'leaf' || fits(lines, piece.slice(place, place + 2))) write(lines, node, flatNode(node))
      else writeBroken(lines, node)
    }
  }
  return lines
}

function writeBroken(lines: string[], group: Group): void {
  const indent = /^ */.exec(lines.at(-1) ?? '')?.[0] ?? ''
  const isCase = group.kind === 'case'
  write(lines, group, isCase ? 'case' : '(')
  const inner = isCase
    ? split(group.children, (node) => isWord(node, ['when', 'else'])).flatMap((branch) =>
        formatClause(branch, indent + step, indent + step + step),
      )
    : formatQuery(group.children, indent + step)
  lines.push(...inner, indent + (isCase ? 'end' : ')'))
}

function write(lines: string[], { isSpaced }: Node, text: string): void {
  const line = lines.pop() ?? ''
  lines.push(line + (isSpaced && line.trim() !== '' ? ' ' : '') + text)
}

function fits(lines: readonly string[], nodes: readonly Node[]): boolean {
  return (lines.at(-1) ?? '').length + 1 + flat(nodes).length <= width
}

type IsStart = (node: Node, previous: Node | undefined, next: Node | undefined) => boolean

function split(nodes: readonly Node[], isStart: IsStart): readonly (readonly Node[])[] {
  const parts: Node[][] = []
  for (const [index, node] of nodes.entries()) {
    const last = parts.at(-1)
    if (last === undefined || isStart(node, nodes[index - 1], nodes[index + 1])) parts.push([node])
    else last.push(node)
  }
  return parts
}

function isQuery([first]: readonly Node[]): boolean {
  if (first?.kind === 'parentheses') return isQuery(first.children)
  return isWord(first, ['select', 'with', 'insert', 'update', 'delete'])
}

const clauseStarts = [
  ...['select', 'where', 'group', 'order', 'having', 'limit', 'offset', 'returning', 'values', 'insert', 'delete'],
  ...['left', 'inner', 'cross', 'for'],
]

/** But for the words of `is distinct from`, `rows from`, `delete from`, `for update` and `do update set`. */
function startsClause(node: Node, previous: Node | undefined, next: Node | undefined): boolean {
  if (isWord(node, ['from'])) return !isWord(previous, ['distinct', 'rows', 'delete'])
  if (isWord(node, ['join'])) return !isWord(previous, ['left', 'inner', 'cross'])
  if (isWord(node, ['update'])) return !isWord(previous, ['for', 'do'])
  if (isWord(node, ['set'])) return !isWord(previous, ['update'])
  if (isWord(node, ['on'])) return isWord(next, ['conflict'])
  return isWord(node, clauseStarts)
}

function startsPiece(node: Node, previous: Node | undefined): boolean {
  return node.isSpaced && (isWord(previous, [',']) || isWord(node, ['and', 'or', 'then', 'on', 'with']))
}

function isWord(node: Node | undefined, words: readonly string[]): boolean {
  return node?.kind === 'leaf' && words.includes(node.text)
}
