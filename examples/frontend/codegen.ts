import { readFile } from 'node:fs/promises'
import { codegen } from '@graphql-codegen/core'
import * as typedDocumentNode from '@graphql-codegen/typed-document-node'
import * as typescriptOperations from '@graphql-codegen/typescript-operations'
import { parse } from 'graphql'

const read = (path: string) => readFile(new URL(path, import.meta.url), 'utf8')

/**
 * Makes operations.ts of operations.graphql: each operation as a document that knows its types.
 *
 * `npm run codegen` writes it. The engine of `@graphql-codegen/cli` without the command line, which needs Node 22;
 * README.md has the same for the command line.
 */
export async function generateOperations(): Promise<string> {
  const operations = await read('operations.graphql')
  const generated = await codegen({
    filename: 'operations.ts',
    // A subgraph's SDL uses directives that it need not define, such as `@key`. `parse` minds neither them nor `@link`,
    // and codegen does not validate a schema that comes parsed.
    schema: parse(await read('../../schema.graphql')),
    documents: [{ location: 'operations.graphql', rawSDL: operations, document: parse(operations) }],
    plugins: [{ 'typescript-operations': {} }, { 'typed-document-node': {} }],
    pluginMap: { 'typescript-operations': typescriptOperations, 'typed-document-node': typedDocumentNode },
    config: {
      // `DateTime` is a string in JSON.
      scalars: { DateTime: 'string' },
      strictScalars: true,
      immutableTypes: true,
      useTypeImports: true,
      // Apollo and urql ask for `__typename` by themselves; so their answers have it whether it is asked for or not.
      skipTypename: true,
    },
  })
  return `// Made by \`npm run codegen\` of operations.graphql and schema.graphql.\n${generated}`
}
