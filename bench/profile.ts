import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

interface CallFrame {
  readonly functionName: string
  readonly url: string
}

interface CallNode {
  readonly id: number
  readonly callFrame: CallFrame
  readonly children?: readonly number[]
}

/** V8's format: for each sample, the node of the call tree that the program was in. */
interface Profile {
  readonly nodes: readonly CallNode[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const most = 15

/**
 * Where the time of each profiled process went, without waiting: by package, then by function.
 *
 * In the first list, what node does for a package (a system call, a hash) counts as the package's time; in the second,
 * each function counts by itself. The clock runs on while another process has the core. So on a busy machine system
 * calls, in which a process loses the core, seem to take longer than they do.
 */
export async function writeProfile(folder: string): Promise<string> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.cpuprofile')).toSorted()
  const parts = files.map(async (name) => {
    const profile: Profile = JSON.parse(await readFile(join(folder, name), 'utf8'))
    return `${name}\n\n${summarise(profile)}`
  })
  return `${(await Promise.all(parts)).join('\n\n')}\n`
}

function summarise({ nodes, samples, timeDeltas }: Profile): string {
  const owners = ownersOf(nodes)
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const byOwner = new Map<string, number>()
  const byFunction = new Map<string, number>()
  let total = 0
  for (const [place, id] of samples.entries()) {
    const frame = frames.get(id)
    if (frame === undefined || frame.functionName === '(idle)') continue
    const micros = timeDeltas[place] ?? 0
    total += micros
    add(byOwner, owners.get(id) ?? 'node', micros)
    add(byFunction, `${packageOf(frame) ?? 'node'}: ${frame.functionName || '(anonymous)'}`, micros)
  }
  return [...ranking(byOwner, total), '', ...ranking(byFunction, total)].join('\n')
}

/** For each node of the call tree, the package that is nearest to it on the stack. */
function ownersOf(nodes: readonly CallNode[]): ReadonlyMap<number, string> {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const owners = new Map<number, string>()
  const visit = ({ id, callFrame, children = [] }: CallNode, inherited: string): void => {
    const owner = packageOf(callFrame) ?? inherited
    owners.set(id, owner)
    for (const child of children) {
      const node = byId.get(child)
      if (node !== undefined) visit(node, owner)
    }
  }
  const [root] = nodes
  if (root !== undefined) visit(root, 'node')
  return owners
}

function add(sums: Map<string, number>, name: string, micros: number): void {
  sums.set(name, (sums.get(name) ?? 0) + micros)
}

function ranking(sums: ReadonlyMap<string, number>, total: number): readonly string[] {
  return [...sums]
    .toSorted(([, one], [, other]) => other - one)
    .slice(0, most)
    .map(([name, micros]) => `${((micros / total) * 100).toFixed(1).padStart(5)} %  ${name}`)
}

/** Undefined for node's own functions. */
function packageOf({ functionName, url }: CallFrame): string | undefined {
  if (functionName === '(garbage collector)') return 'garbage collector'
  const inPackage = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]
  if (inPackage !== undefined) return inPackage
  const folder = /\/dist\/(\w+)/.exec(url)?.[1]
  return folder === undefined ? undefined : `invalidate-token ${folder}`
}
