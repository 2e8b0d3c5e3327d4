import type { ObjectRef } from '@pothos/core'
import type { Selection } from '@pothos/plugin-federation'
import {
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  type GraphQLResolveInfo,
  GraphQLScalarType,
  GraphQLSchema,
  GraphQLString,
  GraphQLUnionType,
  isObjectType,
} from 'graphql'
import { badInput } from '../tokens/input-fault.ts'
import type { Builder, GraphContext } from './builder.ts'

type BuilderTypes = Builder extends PothosSchemaTypes.SchemaBuilder<infer Types> ? Types : never

interface Entity<Shape, Key extends object> {
  /** A `builder.selection` of fields that are strings. */
  readonly key: Selection<Key>
  /**
   * Gets all keys that a request asks for at once, and answers one value for each, in the same order. It answers
   * `undefined` for an unknown entity and for one that this caller may not see, so that callers cannot distinguish the
   * two.
   */
  find(keys: readonly Key[], context: GraphContext): Promise<readonly (Shape | undefined)[]>
}

/** Makes a type an entity: other subgraphs may hold its key, and a gateway then requests the other fields here. */
export function declareEntity<Shape extends object, Key extends Readonly<Record<string, string>>>(
  builder: Builder,
  type: ObjectRef<BuilderTypes, Shape>,
  { key, find }: Entity<Shape, Key>,
): void {
  const findOne = batchLookups(find)
  builder.asEntity(type, {
    key,
    resolveReference: (reference, context) => findOne(readKey(key, reference), context),
  })
}

/** A representation is untrusted input: a gateway passes on what another subgraph answered. */
function readKey<Key extends Readonly<Record<string, string>>>(key: Selection<Key>, reference: object): Key
function readKey({ selection }: Selection<object>, reference: object): object {
  const fields: Readonly<Record<string, unknown>> = { ...reference }
  const read = (name: string) => {
    const value = fields[name]
    // As GraphQL coerces an ID: a whole number becomes its digits.
    if (typeof value === 'string' || Number.isSafeInteger(value)) return [name, String(value)]
    throw badInput(`Expected each of \`representations\` to have \`${name}\` as a string`)
  }
  return Object.fromEntries(selection.split(' ').map(read))
}

/** Collects the keys of each request until graphql-js has asked for all that it can, then looks them up together. */
function batchLookups<Key, Value>(
  find: (keys: readonly Key[], context: GraphContext) => Promise<readonly Value[]>,
): (key: Key, context: GraphContext) => Promise<Value | undefined> {
  const pending = new WeakMap<GraphContext, { readonly keys: Key[]; readonly found: Promise<readonly Value[]> }>()
  const start = (context: GraphContext) => {
    const keys: Key[] = []
    const found = Promise.resolve().then(() => {
      pending.delete(context)
      return find(keys, context)
    })
    const batch = { keys, found }
    pending.set(context, batch)
    return batch
  }
  return async (key, context) => {
    const { keys, found } = pending.get(context) ?? start(context)
    const index = keys.push(key) - 1
    return (await found)[index]
  }
}

/**
 * Adds to the schema the two fields that a gateway queries: `_entities` and `_service`.
 *
 * The plugin's `toSubGraphSchema` is not used: it sorts everything, drops `@oneOf` from the SDL, and answers a wrong
 * representation as if it were a fault of this service.
 *
 * @see https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/subgraph-spec
 */
export function addFederation(schema: GraphQLSchema, sdl: string): GraphQLSchema {
  const { query, types, ...rest } = schema.toConfig()
  if (query == null) throw new TypeError('The schema has no queries')
  const { fields, ...config } = query.toConfig()
  const withFederation = new GraphQLObjectType<unknown, GraphContext>({
    ...config,
    fields: { ...fields, _entities: entitiesField(schema), _service: serviceField(sdl) },
  })
  return new GraphQLSchema({ ...rest, query: withFederation, types: types.filter((type) => type !== query) })
}

type ResolveReference = (
  reference: object,
  context: GraphContext,
  info: GraphQLResolveInfo,
) => Promise<object | null | undefined>

/** Where the plugin stores `resolveReference`, and where Apollo's libraries look for it. */
interface EntityExtensions {
  readonly apollo?: { readonly subgraph?: { readonly resolveReference?: ResolveReference } }
}

/** How each entity is resolved, by the name of its type. */
function referenceResolvers(types: readonly GraphQLObjectType[]): ReadonlyMap<string, ResolveReference> {
  return new Map(
    types.flatMap(({ name, extensions }) => {
      const { apollo }: EntityExtensions = extensions
      const resolve = apollo?.subgraph?.resolveReference
      return resolve === undefined ? [] : [[name, resolve] as const]
    }),
  )
}

function entitiesField(schema: GraphQLSchema) {
  const types = Object.values(schema.getTypeMap()).filter(isObjectType)
  const resolvers = referenceResolvers(types)
  const representation = new GraphQLScalarType({
    name: '_Any',
    description: 'What another subgraph knows about an entity: its `__typename` and the fields of its key.',
  })
  const entity = new GraphQLUnionType({
    name: '_Entity',
    description: 'Every type that other subgraphs can refer to by a key.',
    types: types.filter(({ name }) => resolvers.has(name)),
  })
  return {
    type: new GraphQLNonNull(new GraphQLList(entity)),
    description:
      'For gateways: the entities that these representations name. Null for an unknown entity, and for one that the caller may not see.',
    args: {
      representations: {
        type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(representation))),
        description: 'The entities to resolve.',
      },
    },
    resolve: (
      _: unknown,
      { representations }: { readonly representations?: readonly unknown[] },
      context: GraphContext,
      info: GraphQLResolveInfo,
    ) => representations?.map((each) => findEntity(each, context, info)),
  }

  async function findEntity(reference: unknown, context: GraphContext, info: GraphQLResolveInfo): Promise<unknown> {
    const { __typename }: { readonly __typename?: unknown } = Object(reference)
    const find = typeof __typename === 'string' ? resolvers.get(__typename) : undefined
    if (find === undefined)
      throw badInput(
        `Expected each of \`representations\` to have one of these as \`__typename\`: ${[...resolvers.keys()].join(', ')}`,
      )
    const found: object | null | undefined = await find(Object(reference), context, info)
    return found ? { ...found, __typename } : null
  }
}

function serviceField(sdl: string) {
  const service = new GraphQLObjectType({
    name: '_Service',
    description: 'This subgraph, as a gateway sees it.',
    fields: {
      sdl: { type: GraphQLString, description: 'The schema, in the SDL that a composer reads.', resolve: () => sdl },
    },
  })
  return {
    type: new GraphQLNonNull(service),
    description: 'For gateways: the schema of this subgraph.',
    resolve: () => ({}),
  }
}
