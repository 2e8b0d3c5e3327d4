import {
  type ASTNode,
  type GraphQLError,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
} from 'graphql'
import { tokenLookalike } from '../tokens/token.ts'

/**
 * graphql-js repeats what it was sent: `Variable "$input" got invalid value { token: "itr_…" }` stands in its answer,
 * and from there in every gateway's log (graphql-js#2629). Here its messages lose every value and keep every word of
 * the schema, so that they still say what is wrong and where.
 *
 *     Variable "$input" got invalid value { token: "itr_Ab…", refreshToken: "x" }; Exactly one key must be specified …
 *     Variable "$input" got an invalid value; Exactly one key must be specified …
 */
export function createRedactor(schema: GraphQLSchema): (error: GraphQLError) => string {
  const vocabulary = wordsOf(schema)

  return (error) => {
    const named = new Set(error.nodes?.map(nameOf))
    const isHarmless = (quoted: string) => vocabulary.has(quoted) || named.has(quoted) || harmlessWord.test(quoted)
    return error.message
      .replace(
        invalidValue,
        (_, path: string | undefined) =>
          `got an invalid value${path && isPath(path, isHarmless) ? ` at "${path}"` : ''}; `,
      )
      .replace(unquotedValue, '$1')
      .replace(quotation, (whole: string, inside: string | undefined) =>
        inside !== undefined && isHarmless(inside) ? whole : '"…"',
      )
      .replace(tokenLookalike, '…')
  }
}

/** The value as graphql-js's `inspect` prints it, up to the reason, which begins with one of a few words. */
const invalidValue =
  /got invalid value [\s\S]*?(?: at "([^"]*)")?; (?=(?:Expected|Field|Exactly|Value|Enum|[A-Z]\w* cannot represent)(?![\s\S]*; (?:Expected|Field|Exactly|Value|Enum|[A-Z]\w* cannot represent)))/

/** `String cannot represent a non string value: 12` and its like print the value to the end of the message. */
const unquotedValue = /(cannot represent [^:]*?value): [\s\S]*|(has invalid value) [\s\S]*/
const quotation = /"""[\s\S]*?"""|"((?:[^"\\]|\\.)*)"/g
/** A variable as the operation names it, punctuation that the parser missed, or a character that it met. */
const harmlessWord = /^(?:\$[A-Za-z_]\w{0,30}|[^\w"]{1,3})$/

function isPath(path: string, isHarmless: (word: string) => boolean): boolean {
  return path
    .replace(/\[\d+\]/g, '')
    .split('.')
    .every((word, index) => isHarmless(index === 0 ? `$${word}` : word))
}

/** What an operation calls a thing: a name, never a value. */
function nameOf(node: ASTNode): string | undefined {
  const name = 'name' in node ? node.name?.value : undefined
  return name !== undefined && name.length <= 64 ? name : undefined
}

function wordsOf(schema: GraphQLSchema): ReadonlySet<string> {
  const words = new Set<string>()
  const add = (word: string) => words.add(word)
  for (const directive of schema.getDirectives()) {
    add(directive.name)
    for (const arg of directive.args) add(arg.name)
  }
  for (const type of Object.values(schema.getTypeMap())) {
    for (const suffix of ['', '!', ']', ']!']) for (const prefix of ['', '[']) add(`${prefix}${type.name}${suffix}`)
    add(`[${type.name}!]`)
    add(`[${type.name}!]!`)
    if (isEnumType(type)) for (const value of type.getValues()) add(value.name)
    if (isInputObjectType(type)) for (const field of Object.values(type.getFields())) addField(type.name, field.name)
    if (isObjectType(type) || isInterfaceType(type))
      for (const field of Object.values(type.getFields())) {
        addField(type.name, field.name)
        for (const arg of field.args) {
          add(arg.name)
          add(`${type.name}.${field.name}(${arg.name}:)`)
        }
      }
  }
  return words

  function addField(type: string, field: string): void {
    add(field)
    add(`${type}.${field}`)
  }
}
