import { TokenServiceError } from './errors.ts'

/**
 * Faults in the input, as data.
 *
 * The domain says which field is wrong, and why. Each dialect has its own name for the field: a realm is `realmName` in
 * GraphQL, `realm_name` in Elasticsearch, and `--realm` at the command line. So the message is made from parts, once
 * for each dialect, and no dialect has to edit a finished sentence.
 */

/** The fields of requests, as the domain names them. */
export type InputField =
  | 'realm'
  | 'username'
  /** A token of either kind. */
  | 'token'
  | 'accessToken'
  | 'refreshToken'
  | 'session'
  | 'owner'
  /** The id of a client, as a selector. */
  | 'client'
  | 'everything'
  | 'scopes'
  | 'wholeSession'
  | 'issuedTo'
  | 'keepCurrentSession'
  | 'issuedBefore'
  | 'expectAtMost'
  | 'comment'
  | 'limit'
  | 'cursor'
  /** The id of a client to add or change. */
  | 'clientId'
  | 'clientSecret'
  | 'keepPreviousSeconds'
  | 'since'
  | 'nothingLost'

/** A value that its field cannot have. The parts are words: none of them repeats the value. */
interface WrongValue {
  readonly field: InputField
  /** The position in the field's list, from 0. */
  readonly index?: number
  /** Completes "Expected <field> …", for example "to be text". */
  readonly expected: string
  /** Completes "…, got …", for example "an empty string". */
  readonly found?: string
  readonly because?: string
  /** The field that takes such a value. */
  readonly belongsIn?: InputField
}

/** A field that has no meaning without another one. */
interface MissingContext {
  readonly field: InputField
  /** The fields of which one must be given too. */
  readonly onlyWith: readonly InputField[]
  readonly because: string
}

/** Two fields that contradict each other. */
interface Contradiction {
  readonly field: InputField
  readonly notWith: InputField
  readonly because: string
}

export type InputFault = WrongValue | MissingContext | Contradiction

/** An `ERR_BAD_INPUT` about one field. Its message names the field as the domain does. */
export class BadInputError extends TokenServiceError {
  readonly input: InputFault

  constructor(input: InputFault) {
    super('ERR_BAD_INPUT', describe(input, nameInDomain))
    this.input = input
  }
}

/**
 * The `ERR_BAD_INPUT` for a fault. A dialect that refuses the form of its own requests gives a text in its own words,
 * without the full stop.
 */
export function badInput(fault: InputFault | string): TokenServiceError {
  return typeof fault === 'string' ? new TokenServiceError('ERR_BAD_INPUT', `${fault}.`) : new BadInputError(fault)
}

/** How a dialect names a field in a message. `index` is a position in the field's list. */
export type NameField = (field: InputField, index?: number) => string

/** The names that a dialect has for fields. A field that is left out keeps the name that the domain has for it. */
export type FieldNames = Readonly<Partial<Record<InputField, string>>>

/** Names fields as this table does, between backticks. */
export function quoteNames(names: FieldNames): NameField {
  return (field, index) => quote(names[field] ?? field, index)
}

/** The message of an error, with the names that a dialect has for the fields. */
export function messageInDialect(error: TokenServiceError, nameField: NameField): string {
  return error instanceof BadInputError ? describe(error.input, nameField) : error.message
}

function describe(fault: InputFault, nameField: NameField): string {
  if ('onlyWith' in fault) {
    const others = listNames(fault.onlyWith.map((field) => nameField(field)))
    return `Expected ${nameField(fault.field)} only with ${others}: ${fault.because}.`
  }
  if ('notWith' in fault)
    return `Expected ${nameField(fault.field)} without ${nameField(fault.notWith)}: ${fault.because}.`
  const { field, index, expected, found, because, belongsIn } = fault
  return [
    `Expected ${nameField(field, index)} ${expected}`,
    found === undefined ? '' : `, got ${found}`,
    because === undefined ? '' : `: ${because}`,
    belongsIn === undefined ? '' : `: pass it as ${nameField(belongsIn)}`,
    '.',
  ].join('')
}

/** "a", "a or b", "a, b or c". Two fields that have the same name in a dialect are named once. */
function listNames(names: readonly string[]): string {
  const different = [...new Set(names)]
  const last = different.slice(-1)
  const others = different.slice(0, -1)
  return others.length === 0 ? last.join() : `${others.join(', ')} or ${last.join()}`
}

const nameInDomain: NameField = quote

function quote(name: string, index: number | undefined): string {
  return `\`${name}${index === undefined ? '' : `[${index}]`}\``
}
