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
import { badInput } from '../tokens/owner.ts'
import type { Builder, GraphContext } from './builder.ts'

type BuilderTypes = Builder extends PothosSchemaTypes.SchemaBuilder<infer Types> ? Types : never

/**
 * Makes a type an entity: other subgraphs may hold its key and have a gateway ask us for the rest.
 *
 * `key` is a `builder.selection` of fields that are strings. `find` is given all keys that a request asks for at once,
 * and answers one value for each, in their order; `undefined` for what is unknown or not for this caller to see, so
 * that both look alike.
 */
export function declareEntity<Shape extends object, Key extends Readonly<Record<string, string>>>(
  builder: Builder,
  type: ObjectRef<BuilderTypes, Shape>,
  key: Selection<Key>,
  find: (keys: readonly Key[], context: GraphContext) => Promise<readonly (Shape | undefined)[]>,
): void {
  const findOne = gather(find)
  builder.asEntity(type, {
    key,
    resolveReference: (reference, context) => findOne(readKey(key, reference), context),
  })
}

/** A gateway passes on what another subgraph said, so nothing about a representation is certain. */
function readKey<Key extends Readonly<Record<string, string>>>(key: Selection<Key>, reference: object): Key
function readKey({ selection }: Selection<object>, reference: object): object {
  const given: Readonly<Record<string, unknown>> = { ...reference }
  const read = (name: string) => {
    const value = given[name]
    // As GraphQL reads an ID: a whole number stands for its digits.
    if (typeof value === 'string' || Number.isSafeInteger(value)) return [name, String(value)]
    throw badInput(`Expected each of \`representations\` to have \`${name}\` as a string`)
  }
  return Object.fromEntries(selection.split(' ').map(read))
}

/** Of each request, collects the keys until graphql-js has asked for all that it can, then looks them up at once. */
function gather<Key, Value>(
  find: (keys: readonly Key[], context: GraphContext) => Promise<readonly Value[]>,
): (key: Key, context: GraphContext) => Promise<Value | undefined> {
  const gathering = new WeakMap<GraphContext, { readonly keys: Key[]; readonly found: Promise<readonly Value[]> }>()
  const start = (context: GraphContext) => {
    const keys: Key[] = []
    const found = Promise.resolve().then(() => {
      gathering.delete(context)
      return find(keys, context)
    })
    const round = { keys, found }
    gathering.set(context, round)
    return round
  }
  return async (key, context) => {
    const { keys, found } = gathering.get(context) ?? start(context)
    const place = keys.push(key) - 1
    return (await found)[place]
  }
}

/**
 * The schema with the two fields through which a gateway asks a subgraph: `_entities` and `_service`.
 *
 * The plugin has a `toSubGraphSchema` for it. It sorts everything, loses `@oneOf` from the SDL, and to a representation
 * that is wrong it answers as if it were our fault.
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

/** Where Apollo's libraries look for it, and where the plugin puts it. */
interface EntityExtensions {
  readonly apollo?: { readonly subgraph?: { readonly resolveReference?: ResolveReference } }
}

function entitiesField(schema: GraphQLSchema) {
  const finders = new Map<string, ResolveReference>()
  const types = Object.values(schema.getTypeMap()).filter(isObjectType)
  for (const { name, extensions } of types) {
    const { apollo }: EntityExtensions = extensions
    if (apollo?.subgraph?.resolveReference !== undefined) finders.set(name, apollo.subgraph.resolveReference)
  }

  const representation = new GraphQLScalarType({
    name: '_Any',
    description: 'What another subgraph knows of an entity: its `__typename` and the fields of its key.',
  })
  const entity = new GraphQLUnionType({
    name: '_Entity',
    description: 'Every type that other subgraphs can refer to by a key.',
    types: types.filter(({ name }) => finders.has(name)),
  })
  return {
    type: new GraphQLNonNull(new GraphQLList(entity)),
    description:
      'For gateways: the entities that these representations name, each as far as this caller may see it, else null.',
    args: {
      representations: {
        type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(representation))),
        description: 'Which entities.',
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
    const find = typeof __typename === 'string' ? finders.get(__typename) : undefined
    if (find === undefined)
      throw badInput(
        `Expected each of \`representations\` to have one of these as \`__typename\`: ${[...finders.keys()].join(', ')}`,
      )
    const found: object | null | undefined = await find(Object(reference), context, info)
    return found ? { ...found, __typename } : null
  }
}

function serviceField(sdl: string) {
  const service = new GraphQLObjectType({
    name: '_Service',
    description: 'What this subgraph says of itself.',
    fields: { sdl: { type: GraphQLString, description: 'The schema as a composer reads it.', resolve: () => sdl } },
  })
  return {
    type: new GraphQLNonNull(service),
    description: 'For gateways: the schema of this subgraph.',
    resolve: () => ({}),
  }
}
