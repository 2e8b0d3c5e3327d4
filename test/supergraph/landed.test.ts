import { readFileSync } from 'node:fs'
import { buildASTSchema, findBreakingChanges, parse, print, visit } from 'graphql'
import { expect, test } from 'vitest'

/** The schema that clients rely on. `npm run schema:land` replaces it with today's; see CONTRIBUTING.md. */
const landed = parse(readFileSync(new URL('landed.graphql', import.meta.url), 'utf8'))
const today = parse(readFileSync('schema.graphql', 'utf8'))

test('nothing in the landed schema is removed or changed incompatibly', () => {
  const [before, after] = [landed, today].map((sdl) => buildASTSchema(sdl, { assumeValidSDL: true }))

  expect(before && after && findBreakingChanges(before, after)).toEqual([])
})

/** Directives such as `TokenSession @key(fields: "id")`, which graphql-js does not compare. */
function directivesOf(sdl: typeof landed): readonly string[] {
  const found: string[] = []
  visit(sdl, {
    enter: (node) => {
      if (node.kind === 'ObjectTypeDefinition' || node.kind === 'InputObjectTypeDefinition')
        for (const directive of node.directives ?? []) found.push(`${node.name.value} ${print(directive)}`)
    },
  })
  return found
}

test('no entity loses a @key, and no input its @oneOf', () => {
  const kept = directivesOf(today)

  expect(directivesOf(landed).filter((directive) => !kept.includes(directive))).toEqual([])
})
