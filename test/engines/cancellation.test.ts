import { execute, parse } from 'graphql'
import { expect, test } from 'vitest'
import { graphContext } from '../../src/graph/builder.ts'
import { createSchema } from '../../src/graph/schema.ts'
import type { Tokens } from '../../src/tokens/tokens.ts'
import { admin, useTestService } from '../support/service.ts'

const service = useTestService()

const lists = parse('{ mySessions { nodes { owner { sessions { nodes { owner { sessions { nodes { id } } } } } } } } }')

/** How many lists a query of lists within lists reads if its caller waits for the first `awaited` of them. */
async function countLists(awaited: number): Promise<number> {
  let read = 0
  const listSessions: Tokens['listSessions'] = (...given) => {
    read++
    return service.tokens.listSessions(...given)
  }
  const { accessToken } = await service.tokens.issue({ owner: { realm: 'staff', username: 'alice' } }, admin)
  await service.tokens.issue({ owner: { realm: 'staff', username: 'alice' } }, admin)
  const tokens = { ...service.tokens, listSessions }
  const caller = await tokens.authenticate({ kind: 'bearer', token: accessToken })
  const contextValue = graphContext({ tokens, caller, request: { isAwaited: () => read < awaited } })
  await execute({ schema: createSchema(), document: lists, contextValue })
  return read
}

test('once its caller has left, a query begins no more work', async () => {
  expect(await countLists(1)).toBe(1)
})

test('for a caller that waits, the same query reads all of its lists', async () => {
  expect(await countLists(Number.POSITIVE_INFINITY)).toBe(1 + 2 + 4)
})
