import {
  type ASTNode,
  GraphQLError,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
} from 'graphql'
import { isShowable } from '../tokens/shown-name.ts'
import { tokenLookalike } from '../tokens/token.ts'

/**
 * Removes values from the messages of graphql-js. It repeats what it was sent: `Variable "$input" got invalid value
 * { token: "itr_…" }` would be in the answer, and then in every gateway's log (graphql-js#2629). Of the words that
 * remain only known ones are kept: those of the schema, those of graphql-js's own sentences, and short names of the
 * operation. So an unknown message may lose a word too many, but it never reveals a secret.
 *
 *     Variable "$input" got invalid value { token: "itr_Ab…", refreshToken: "x" }; Exactly one key must be specified …
 *     Variable "$input" got an invalid value; Exactly one key must be specified …
 */
export function createRedactor(schema: GraphQLSchema): (error: GraphQLError) => string {
  const vocabulary = wordsOf(schema)

  return (error) => {
    const ownNames = new Set([...(error.nodes ?? []).map(nameOf), ...(error.nodes ?? []).map(aliasOf), keyOf(error)])
    const isSafe = (word: string) =>
      vocabulary.has(word) ||
      sentenceWords.has(word.toLowerCase()) ||
      ownNames.has(word.replace(/^\$/, '')) ||
      safeSymbol.test(word)
    return shorten(withoutValues(error))
      .replace(wordPattern, (word) => (isSafe(word) ? word : '…'))
      .replace(tokenLookalike, '…')
      .replace(ellipses, '…')
  }
}

/** The text between white space and punctuation. An index of a list keeps its brackets. */
const wordPattern = /\[\d{1,3}\]|[^\s"'`.,;:(){}[\]<>!?@-]+/g
/** Several removed words in a row. */
const ellipses = /…(?:[^\w…]*…)+/g
/** An index of a list, or a single character that the parser names. */
const safeSymbol = /^(?:\[\d+\]|U\+[\dA-F]{4,6}|[$&=|%*+/\\^~#])$/
/** graphql-js's own sentences are shorter than this. */
const maxMessageLength = 400

/** The words with which graphql-js, its executor and Yoga refuse a request. */
const sentenceWords = new Set(
  `0 1000 16 32 a aborted after aliases an and anonymous are argument arguments array as at batching be because
  bigint bit blockstring body boolean both but by can cannot character code comment comments composite condition
  configured conflict conflicting constant contains content could defined definition definitions depth description
  descriptions determine did different differing digit directive document does double empty enum eof error errors
  escape exactly exceeded executable execute execution exist expected expecting extensions fetch field fields find
  float for found fragment fragment_definition fragment_spread from get given got graphql has have header here if in
  include inline inline_fragment input int integer intentional introspection invalid is it iterable itself json key
  kind large least length limit limited location many maximum may mean more most multiple must mutation name named
  never no non not null nullable number numeric object objects of on once one oneof only operation operationname
  operations or output param parameter params parsing per perform position post processing provide provided queries
  query quote reached represent request requests required reserved return runtime schema selected selection sequence
  shorthand signed since single source specified specify spread string subfields subscription such support supported
  supports syntax than that the there they this to tokens too type types undefined unexpected unicode units unknown
  unterminated use used utf validation value values variable variable_definition variables via was what when which
  with within you`.split(/\s+/),
)

/** The value as graphql-js prints it, up to the end or to the reason. */
const valuePatterns: readonly (readonly [value: RegExp, replacement: string])[] = [
  [/ (got|has) invalid value [\s\S]*/, ' $1 an invalid value'],
  [/( cannot represent [\w -]{0,40}value): [\s\S]*/, '$1'],
  [/^(Expected value of type "[^"]*"), found [\s\S]*/, '$1'],
  [/^(Syntax Error: .{0,40}String) "[\s\S]*/, '$1'],
]

function withoutValues({ message, originalError }: GraphQLError): string {
  const reason = originalError instanceof GraphQLError ? `; ${originalError.message}` : ''
  if (reason === '' || !message.endsWith(reason)) return withoutValue(message)
  const complaint = message.slice(0, -reason.length)
  const [path = ''] = / at "[^"]+"$/.exec(complaint) ?? []
  return `${withoutValue(complaint)}${path}${withoutValue(reason)}`
}

function withoutValue(text: string): string {
  return valuePatterns.reduce((shorter, [value, replacement]) => shorter.replace(value, replacement), text)
}

function shorten(text: string): string {
  const half = maxMessageLength / 2
  return text.length <= maxMessageLength ? text : `${text.slice(0, half)} … ${text.slice(-half)}`
}

/** The name that an operation gives to a node; never a value. */
function nameOf(node: ASTNode): string | undefined {
  if (node.kind === 'Name') return ifShort(node.value)
  if (node.kind === 'VariableDefinition') return ifShort(node.variable.name.value)
  return 'name' in node ? ifShort(node.name?.value) : undefined
}

function aliasOf(node: ASTNode): string | undefined {
  return node.kind === 'Field' ? ifShort(node.alias?.value) : undefined
}

/** The name of an unknown field in a variable or in the body. */
function keyOf({ message, originalError }: GraphQLError): string | undefined {
  const [, key] = unknownKey.exec(originalError instanceof GraphQLError ? originalError.message : message) ?? []
  return ifShort(key)
}

const unknownKey = /^(?:Field|Unexpected parameter) "([A-Za-z_]\w*)" (?:is not defined by type|in the request body)/

function ifShort(name: string | undefined): string | undefined {
  return name !== undefined && isShowable(name) ? name : undefined
}

function wordsOf(schema: GraphQLSchema): ReadonlySet<string> {
  const found = new Set<string>(['__typename', '__schema', '__type'])
  const addAll = (named: readonly { readonly name: string }[]) => {
    for (const { name } of named) found.add(name)
  }
  for (const directive of schema.getDirectives()) addAll([directive, ...directive.args])
  for (const type of Object.values(schema.getTypeMap())) {
    addAll([type])
    if (isEnumType(type)) addAll(type.getValues())
    if (isInputObjectType(type)) addAll(Object.values(type.getFields()))
    if (isObjectType(type) || isInterfaceType(type))
      for (const field of Object.values(type.getFields())) addAll([field, ...field.args])
  }
  return found
}
