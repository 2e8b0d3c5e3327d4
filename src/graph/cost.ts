import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isInterfaceType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  type SelectionSetNode,
  TypeMetaFieldDef,
} from 'graphql'
import { badInput } from '../tokens/input-fault.ts'
import { defaultPageSize, maxPageSize } from './connection.ts'
import { costs, introspectionCost, listSizes, pages, sizeArgument, sizedByArgument, sizedFields } from './prices.ts'

type Variables = Readonly<Record<string, unknown>>

/** An operation of a document that is valid for the schema. */
export interface Operation {
  readonly document: DocumentNode
  readonly operation: OperationDefinitionNode
}

/** What an operation may take at most, whatever it will find. Known before it runs. */
export interface Estimate {
  readonly cost: number
  /** How deep its fields are nested. */
  readonly depth: number
  /** How many fields have another name in the answer. */
  readonly aliases: number
  /** Whether other variables would not change it. */
  readonly isFixed: boolean
  /** Whether it reads the schema, by introspection or as a composer. */
  readonly readsSchema: boolean
}

/**
 * Estimates an operation, by the table of prices.
 *
 * Fields that a directive skips count as selected, and fields that are selected twice count twice. A fragment counts
 * wherever it is spread, but it is read once for each page size, so the work grows with the length of the document and
 * not with what its fragments expand to.
 */
export function estimate(schema: GraphQLSchema, { document, operation }: Operation, variables: Variables): Estimate {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  const known = new Map<string, Part>()
  let isFixed = true
  let readsSchema = false
  let aliases = 0
  const root = schema.getRootType(operation.operation) ?? undefined
  return { ...estimateSelections(operation.selectionSet, root, 1), aliases, isFixed, readsSchema }

  function estimateSelections(
    { selections }: SelectionSetNode,
    parent: GraphQLNamedType | undefined,
    pageSize: number,
  ): Part {
    let cost = 0
    let depth = 0
    for (const selection of selections) {
      const part =
        selection.kind === Kind.FIELD
          ? estimateField(selection, parent, pageSize)
          : selection.kind === Kind.FRAGMENT_SPREAD
            ? estimateFragment(selection.name.value, pageSize)
            : estimateSelections(selection.selectionSet, narrow(parent, selection.typeCondition?.name.value), pageSize)
      cost += part.cost
      depth = Math.max(depth, part.depth)
    }
    return { cost, depth }
  }

  function estimateFragment(name: string, pageSize: number): Part {
    const key = `${name} ${pageSize}`
    const fragment = fragments.get(name)
    const part =
      known.get(key) ??
      (fragment === undefined
        ? nothing
        : estimateSelections(fragment.selectionSet, schema.getType(fragment.typeCondition.name.value), pageSize))
    known.set(key, part)
    return part
  }

  function estimateField(node: FieldNode, parent: GraphQLNamedType | undefined, pageSize: number): Part {
    if (node.alias !== undefined) aliases++
    const field = fieldOf(parent, node.name.value)
    if (field !== undefined && schemaFields.has(field.name)) readsSchema = true
    const type = field && getNamedType(field.type)
    if (field === undefined || type === undefined || parent === undefined || node.selectionSet === undefined)
      return leaf
    const coordinate = `${parent.name}.${field.name}`
    const inner = estimateSelections(node.selectionSet, type, pages.has(coordinate) ? pageSizeOf(node) : 1)
    const times = sizedFields.has(field.name) ? pageSize : repetitionsOf(node, coordinate)
    const own = costs.get(coordinate) ?? (type.name.startsWith('__') ? introspectionCost : 1)
    return { cost: times * (own + inner.cost), depth: 1 + inner.depth }
  }

  /** How many entries a field answers that is no page. */
  function repetitionsOf(node: FieldNode, coordinate: string): number {
    const argument = sizedByArgument.get(coordinate)
    return argument === undefined ? (listSizes.get(coordinate) ?? 1) : sizeOf(node, argument)
  }

  /** A larger page is refused by its field, with a message about the page. */
  function pageSizeOf(node: FieldNode): number {
    return Math.min(sizeOf(node, sizeArgument), maxPageSize)
  }

  /** The size that an argument asks for: a number, or the length of a list. What it cannot be is refused later. */
  function sizeOf({ arguments: given = [] }: FieldNode, name: string): number {
    const value = given.find((argument) => argument.name.value === name)?.value
    if (value?.kind === Kind.INT) return Number(value.value)
    if (value?.kind === Kind.LIST) return value.values.length
    if (value?.kind !== Kind.VARIABLE) return defaultPageSize
    isFixed = false
    const asked = variables[value.name.value]
    if (Array.isArray(asked)) return asked.length
    return typeof asked === 'number' && asked >= 0 ? asked : defaultOf(value.name.value)
  }

  function defaultOf(variable: string): number {
    const definition = operation.variableDefinitions?.find((one) => one.variable.name.value === variable)
    return definition?.defaultValue?.kind === Kind.INT ? Number(definition.defaultValue.value) : defaultPageSize
  }

  function narrow(parent: GraphQLNamedType | undefined, name: string | undefined): GraphQLNamedType | undefined {
    return name === undefined ? parent : schema.getType(name)
  }
}

interface Part {
  readonly cost: number
  readonly depth: number
}

const nothing: Part = { cost: 0, depth: 0 }
/** A scalar: it comes with its object. */
const leaf: Part = { cost: 0, depth: 1 }

const schemaFields: ReadonlySet<string> = new Set([SchemaMetaFieldDef.name, TypeMetaFieldDef.name, '_service'])

/** Undefined for `__typename`, which is a scalar. */
function fieldOf(parent: GraphQLNamedType | undefined, name: string): GraphQLField<unknown, unknown> | undefined {
  if (name === SchemaMetaFieldDef.name) return SchemaMetaFieldDef
  if (name === TypeMetaFieldDef.name) return TypeMetaFieldDef
  return isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[name] : undefined
}

/**
 * How deep fields may be nested. GraphiQL's introspection has 15 levels; an operation on this schema has at most 9
 * without going in circles.
 */
const maxDepth = 20

/** Applications have a few. Some gateways merge requests, and then rename each of their fields. */
const maxAliases = 100

/** Why an operation is not run: it is too deep, or costs too much. Undefined for one that may run. */
export function refuseEstimate({ cost, depth, aliases }: Estimate, maxCost: number): GraphQLError | undefined {
  if (depth > maxDepth)
    return refusal(`Expected fields nested at most ${maxDepth} deep, got ${depth}: select fewer levels`)
  if (aliases > maxAliases)
    return refusal(`Expected at most ${maxAliases} aliases, got ${aliases}: send several requests`)
  if (cost > maxCost)
    return refusal(
      `Expected an operation that costs at most ${maxCost}, got ${describeCost(cost)}: ask for smaller pages (\`first\`), for fewer lists within lists, or in several requests`,
    )
  return undefined
}

function refusal(message: string): GraphQLError {
  return new GraphQLError(message, { originalError: badInput(message) })
}

function describeCost(cost: number): string {
  return cost > 1e9 ? 'more than a thousand million' : String(Math.ceil(cost))
}
