/** The package entry of the guard: the part inside a gateway that refuses invalidated tokens. */
export { fromTokens } from './from-tokens.ts'
export * from './standalone.ts'
