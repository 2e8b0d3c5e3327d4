import {
  type ASTNode,
  type ConstDirectiveNode,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  type NameNode,
  parse,
  print,
  printSchema,
  visit,
} from 'graphql'
import { type OptionalDirective, placements } from './optional-directives.ts'

/**
 * Prints the schema for a composer, in the order in which it was declared.
 *
 * graphql-js prints `@oneOf` but no federation directives; Apollo's printer prints those but no `@oneOf`. So graphql-js
 * prints, and the directives that the plugins declared are inserted into its text.
 *
 * @see https://github.com/apollographql/federation/issues/3437
 */
export function printSubgraph(schema: GraphQLSchema, optional: readonly OptionalDirective[]): string {
  const directives = directivesOf(schema)
  for (const [coordinate, directive] of optional.flatMap((name) => Object.entries(placements[name])))
    directives.set(coordinate, [...(directives.get(coordinate) ?? []), directive])

  const used = new Set([...directives.values()].flat().map((directive) => /^@\w+/.exec(directive)?.[0] ?? directive))
  const head = linkHeader(['@composeDirective', ...[...used].toSorted()])
  return `${head}\n\n${insertDirectives(printSchema(schema), directives)}\n`
}

/**
 * `@oneOf` is declared, because otherwise Apollo's composer refuses it. It is linked and composed, because otherwise
 * that composer drops it.
 *
 * 2.9 is the newest version of federation that the composers of Apollo, the Guild and WunderGraph all accept.
 */
function linkHeader(imports: readonly string[]): string {
  return `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.9", import: [${imports.map((name) => `"${name}"`).join(', ')}])
  @link(url: "https://specs.apollo.dev/oneOf/v1.0", import: ["@oneOf"])
  @composeDirective(name: "@oneOf")

directive @oneOf on INPUT_OBJECT`
}

/** Directives as they are written, by schema coordinate. */
type Directives = Map<string, readonly string[]>

/** The directives that the plugins declared. GraphQL's own are printed by graphql-js. */
function directivesOf(schema: GraphQLSchema): Directives {
  const found: Directives = new Map()
  for (const type of Object.values(schema.getTypeMap()))
    for (const [coordinate, node] of [[type.name, type.astNode] as const, ...membersOf(type)]) {
      const declared: readonly ConstDirectiveNode[] = node?.directives ?? []
      const federated = declared.filter(({ name }) => !builtInDirective.test(name.value))
      if (federated.length > 0) found.set(coordinate, federated.map(print))
    }
  return found
}

const builtInDirective = /^(?:deprecated|oneOf|specifiedBy)$/

type NamedType = ReturnType<GraphQLSchema['getTypeMap']>[string]

function membersOf(type: NamedType) {
  const hasFields = isObjectType(type) || isInterfaceType(type) || isInputObjectType(type)
  const members = hasFields ? Object.values(type.getFields()) : isEnumType(type) ? type.getValues() : []
  return members.map(({ name, astNode }) => [`${type.name}.${name}`, astNode] as const)
}

/** Inserts directives into printed text, and keeps the rest as graphql-js prints it. */
function insertDirectives(text: string, directives: Directives): string {
  const insertions: { readonly at: number; readonly written: string }[] = []
  visit(parse(text), {
    enter: (node, _key, _parent, _path, ancestors) => {
      const here = isNamedDefinition(node) && directives.get([...ancestors, node].flatMap(nameOf).join('.'))
      if (here) insertions.push({ at: directivePosition(node), written: here.join(' ') })
    },
  })
  return insertions.reduceRight((sdl, { at, written }) => `${sdl.slice(0, at)} ${written}${sdl.slice(at)}`, text)
}

type NamedDefinition = Extract<ASTNode, { readonly kind: `${string}Definition`; readonly name: NameNode }>

function isNamedDefinition(node: ASTNode | readonly ASTNode[]): node is NamedDefinition {
  return 'kind' in node && node.kind.endsWith('Definition') && 'name' in node && node.name !== undefined
}

function nameOf(node: ASTNode | readonly ASTNode[]): readonly string[] {
  return isNamedDefinition(node) ? [node.name.value] : []
}

/** The position for directives: before the body of a type, or after everything else. */
function directivePosition(node: NamedDefinition): number {
  const hasBody = 'fields' in node || 'values' in node || 'types' in node
  const head = [node.name, ...('interfaces' in node ? (node.interfaces ?? []) : []), ...(node.directives ?? [])]
  return Math.max(...(hasBody ? head : [node]).map(({ loc }) => loc?.end ?? 0))
}
