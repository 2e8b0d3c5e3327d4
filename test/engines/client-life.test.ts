import { sql } from 'drizzle-orm'
import { beforeAll, describe, expect, test } from 'vitest'
import { clients } from '../../src/storage/schema.ts'
import { type Caller, type ServiceScope, serviceScopes } from '../../src/tokens/caller.ts'
import type { ClientAnswer } from '../../src/tokens/client-verbs.ts'
import { mintClientSecret } from '../../src/tokens/clients.ts'
import type { IssuedPair } from '../../src/tokens/pair.ts'
import type { Tokens } from '../../src/tokens/tokens.ts'
import { admin, adminSecret, useTestService } from '../support/service.ts'

const service = useTestService()
let tokens: Tokens
beforeAll(() => {
  tokens = service.tokens
})

const operator = { kind: 'operator', name: 'root' } as const
const alice = { realm: 'staff', username: 'alice' }
const twenty = <Value>(make: (index: number) => Value) => Array.from({ length: 20 }, (_, index) => make(index))

/** The client and its secret, of an answer that must not be a refusal. */
function changed(answer: ClientAnswer) {
  return answer.outcome === 'changed' ? answer : expect.unreachable(answer.reason)
}
const reasonOf = (answer: ClientAnswer) => (answer.outcome === 'refused' ? answer.reason : 'changed')
const secretOf = (answer: ClientAnswer) => changed(answer).secret ?? expect.unreachable()
const create = async (id: string, ...scopes: readonly ServiceScope[]) =>
  secretOf(await tokens.createClient({ id, scopes }, operator))
const logIn = (id: string, secret: string, at = tokens): Promise<Caller> =>
  at.authenticate({ kind: 'client', id, secret })
const mayLogIn = (id: string, secret: string) =>
  logIn(id, secret).then(
    () => true,
    ({ code }: { readonly code: string }) => (code === 'ERR_UNAUTHENTICATED' ? false : code),
  )
/** A client that was created and has authenticated. */
const createCaller = async (id: string, ...scopes: readonly ServiceScope[]) => logIn(id, await create(id, ...scopes))
const issue = (caller: Caller, at = tokens) => at.issue({ owner: alice }, caller)
const issueOwn = (caller: Caller, id: string) => tokens.issue({ owner: { realm: '_clients', username: id } }, caller)
const isActive = async ({ accessToken }: IssuedPair) => (await tokens.introspect(accessToken, admin)).active
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'answered',
    ({ code }: { readonly code: string }) => code,
  )
const newestRevocation = async () => (await tokens.listRevocations({ limit: 1 }, admin))[0]
const ids = async () => (await tokens.listClients({ limit: 1000 }, operator)).map(({ id }) => id)

describe('createClient', () => {
  test('answers the client and its generated secret, which is good at once', async () => {
    const { client, secret, ended } = changed(
      await tokens.createClient({ id: 'login', scopes: ['create_token', 'create_token'] }, admin),
    )

    expect(client).toEqual({
      id: 'login',
      scopes: ['create_token'],
      createdAt: expect.any(Date),
      disabledAt: undefined,
      previousSecretUntil: undefined,
    })
    expect([secret, ended]).toEqual([expect.stringMatching(/^its_[\w-]{43}$/), undefined])
    expect(await logIn('login', secret ?? '')).toMatchObject({ clientId: 'login', scopes: ['create_token'] })
  })

  test('takes a secret that the caller has chosen, and does not repeat it', async () => {
    const secret = mintClientSecret()

    const answer = await tokens.createClient({ id: 'login', scopes: [], secret }, admin)

    expect(answer).toMatchObject({ outcome: 'changed', secret: undefined })
    expect(await mayLogIn('login', secret)).toBe(true)
  })

  test('of twenty with one id one adds it, and its secret is the one that counts', async () => {
    const instances = [tokens, service.another()]
    const answers = await Promise.all(
      twenty((index) => instances[index % 2]?.createClient({ id: 'login', scopes: [] }, admin)),
    )

    const winners = answers.filter((answer) => answer?.outcome === 'changed')
    expect(winners).toHaveLength(1)
    expect(answers.filter((answer) => answer && reasonOf(answer) === 'exists')).toHaveLength(19)
    expect(await mayLogIn('login', winners[0] ? secretOf(winners[0]) : '')).toBe(true)
  })

  test('refuses the id of a disabled client, and of a deleted one for ever', async () => {
    await create('disabled')
    await create('deleted')
    await tokens.disableClient({ id: 'disabled' }, operator)
    await tokens.deleteClient({ id: 'deleted' }, operator)

    const again = (id: string) => tokens.createClient({ id, scopes: [] }, operator).then(reasonOf)

    expect([await again('disabled'), await again('deleted')]).toEqual(['exists', 'id-used'])
  })

  test.each([
    [{ id: 'a:b' }],
    [{ id: '' }],
    [{ scopes: ['create_tokens'] }],
    [{ scopes: ['read'] }],
    [{ secret: 'too-short' }],
  ])('refuses %j as bad input', async (wrong) => {
    const request = { id: 'login', scopes: [], ...wrong }

    expect(await codeOf(tokens.createClient(request, operator))).toBe('ERR_BAD_INPUT')
    expect(await ids()).toEqual(['admin'])
  })
})

describe('rotateClientSecret', () => {
  test('keeps the previous secret for as long as was asked, by default a day, and ends nothing', async () => {
    const old = await create('login', 'create_token')
    const pair = await issue(await logIn('login', old))

    const { client, secret = '', ended } = changed(await tokens.rotateClientSecret({ id: 'login' }, operator))

    const until = new Date(service.clock.now().getTime() + 86_400_000)
    expect([client.previousSecretUntil, ended, await newestRevocation()]).toEqual([until, undefined, undefined])
    expect([await mayLogIn('login', old), await mayLogIn('login', secret)]).toEqual([true, true])
    service.clock.advance(86_400 - 1)
    expect(await mayLogIn('login', old)).toBe(true)
    service.clock.advance(1)
    expect([await mayLogIn('login', old), await mayLogIn('login', secret)]).toEqual([false, true])
    expect(await tokens.findClient('login', operator)).toMatchObject({ previousSecretUntil: undefined })
    expect((await tokens.findSession(pair.session.id, admin))?.endedBy).toBeUndefined()
  })

  test('with 0 seconds accepts the new secret alone, and what logged in before goes on', async () => {
    const old = await create('login', 'create_token')
    const before = await logIn('login', old)

    await tokens.rotateClientSecret({ id: 'login', keepPreviousSeconds: 0 }, operator)

    expect(await mayLogIn('login', old)).toBe(false)
    expect(await isActive(await issue(before))).toBe(true)
  })

  test('keeps only the last previous secret', async () => {
    const first = await create('login')
    const second = secretOf(await tokens.rotateClientSecret({ id: 'login' }, operator))
    const third = secretOf(await tokens.rotateClientSecret({ id: 'login' }, operator))

    const accepted = [first, second, third].map((secret) => mayLogIn('login', secret))

    expect(await Promise.all(accepted)).toEqual([false, true, true])
  })

  test('can be repeated with a chosen secret: the second time changes nothing', async () => {
    const [old, secret] = [await create('login'), mintClientSecret()]
    await tokens.rotateClientSecret({ id: 'login', secret, keepPreviousSeconds: 60 }, operator)

    const again = changed(await tokens.rotateClientSecret({ id: 'login', secret }, operator))

    const until = new Date(service.clock.now().getTime() + 60_000)
    expect(again.client.previousSecretUntil).toEqual(until)
    expect([await mayLogIn('login', old), await mayLogIn('login', secret)]).toEqual([true, true])
  })

  test.each([-1, 2_592_001, 0.5, Number.NaN])('refuses to keep it for %d seconds', async (keepPreviousSeconds) => {
    await create('login')

    expect(await codeOf(tokens.rotateClientSecret({ id: 'login', keepPreviousSeconds }, operator))).toBe(
      'ERR_BAD_INPUT',
    )
  })
})

describe('replaceClientSecret', () => {
  test('ends the old secret, the previous one and the client’s own tokens at once; sessions live on', async () => {
    const first = await create('robot', 'create_token')
    const second = secretOf(await tokens.rotateClientSecret({ id: 'robot' }, operator))
    const caller = await logIn('robot', second)
    const [own, session] = [await issueOwn(caller, 'robot'), await issue(caller)]

    const { secret = '', ended } = changed(await tokens.replaceClientSecret({ id: 'robot' }, admin))

    const accepted = [first, second, secret].map((one) => mayLogIn('robot', one))
    expect(await Promise.all(accepted)).toEqual([false, false, true])
    expect([await isActive(own), await isActive(session)]).toEqual([false, true])
    expect(ended).toEqual({ revision: expect.any(Number), counts: { invalidated: 2, previouslyInvalidated: 0 } })
    expect(await newestRevocation()).toMatchObject({
      revision: ended?.revision,
      selector: 'owner',
      realm: '_clients',
      username: 'robot',
      reason: 'credential-compromise',
      caller: 'client:admin',
      counts: ended?.counts,
    })
  })

  test('with endSessions ends all that the client created, also by its tokens, and nothing else', async () => {
    const caller = await createCaller('robot', 'create_token')
    const own = await tokens.issue(
      { owner: { realm: '_clients', username: 'robot' }, scopes: ['create_token'] },
      caller,
    )
    const byToken = await tokens.authenticate({ kind: 'bearer', token: own.accessToken })
    const [session, indirect, other] = [await issue(caller), await issue(byToken), await issue(admin)]

    const { ended } = changed(await tokens.replaceClientSecret({ id: 'robot', endSessions: true }, operator))

    expect(await Promise.all([own, session, indirect, other].map(isActive))).toEqual([false, false, false, true])
    expect(ended?.counts).toEqual({ invalidated: 6, previouslyInvalidated: 0 })
    expect(await newestRevocation()).toMatchObject({
      selector: 'client',
      clientId: 'robot',
      reason: 'credential-compromise',
      caller: 'operator:root',
      counts: ended?.counts,
    })
  })

  test('refuses the secret that leaked', async () => {
    const first = await create('login')
    const second = secretOf(await tokens.rotateClientSecret({ id: 'login' }, operator))

    for (const secret of [first, second])
      expect(await codeOf(tokens.replaceClientSecret({ id: 'login', secret }, operator))).toBe('ERR_BAD_INPUT')
    expect(await mayLogIn('login', first)).toBe(true)
  })
})

describe('disableClient', () => {
  test('ends authentication and the client’s own tokens; a repetition answers the same instant', async () => {
    const secret = await create('robot', 'create_token')
    const caller = await logIn('robot', secret)
    const [own, session] = [await issueOwn(caller, 'robot'), await issue(caller)]

    const disabledAt = service.clock.now()
    const first = changed(await tokens.disableClient({ id: 'robot' }, operator))
    service.clock.advance(60)
    const second = changed(await tokens.disableClient({ id: 'robot' }, operator))

    expect(first.client.disabledAt).toEqual(disabledAt)
    expect(second.client).toEqual(first.client)
    expect([first.ended?.counts, second.ended?.counts]).toEqual([
      { invalidated: 2, previouslyInvalidated: 0 },
      { invalidated: 0, previouslyInvalidated: 0 },
    ])
    expect(await mayLogIn('robot', secret)).toBe(false)
    expect([await isActive(own), await isActive(session)]).toEqual([false, true])
    expect(await newestRevocation()).toMatchObject({ reason: 'account-disabled', username: 'robot' })
  })

  test('with endSessions, also the second time, ends all that the client created', async () => {
    const session = await issue(await createCaller('robot', 'create_token'))
    await tokens.disableClient({ id: 'robot' }, operator)

    const { ended } = changed(await tokens.disableClient({ id: 'robot', endSessions: true }, operator))

    expect(ended?.counts).toEqual({ invalidated: 2, previouslyInvalidated: 0 })
    expect(await isActive(session)).toBe(false)
  })

  test('also drops a previous secret', async () => {
    const old = await create('login')
    await tokens.rotateClientSecret({ id: 'login' }, operator)
    await tokens.disableClient({ id: 'login' }, operator)

    const secret = secretOf(await tokens.enableClient({ id: 'login' }, operator))

    expect([await mayLogIn('login', old), await mayLogIn('login', secret)]).toEqual([false, true])
  })
})

describe('enableClient', () => {
  test('needs a new secret, and what has ended stays ended', async () => {
    const old = await create('robot', 'create_token', 'manage_token')
    const caller = await logIn('robot', old)
    const own = await issueOwn(caller, 'robot')
    const session = await tokens.issue({ owner: alice, scopes: ['manage_token', 'read'] }, caller)
    await tokens.disableClient({ id: 'robot' }, operator)

    expect(await codeOf(tokens.enableClient({ id: 'robot', secret: old }, operator))).toBe('ERR_BAD_INPUT')
    const { client, secret = '', ended } = changed(await tokens.enableClient({ id: 'robot' }, operator))

    expect([client.disabledAt, ended]).toEqual([undefined, undefined])
    expect([await mayLogIn('robot', old), await mayLogIn('robot', secret)]).toEqual([false, true])
    expect(await isActive(own)).toBe(false)
    expect(await tokens.introspect(session.accessToken, admin)).toMatchObject({ active: true, scopes: ['read'] })
    expect(await codeOf(issue(caller))).toBe('ERR_UNAUTHENTICATED')
  })
})

describe('deleteClient', () => {
  test('ends all that the client created; the client is unknown from then on, and its id stays taken', async () => {
    const secret = await create('robot', 'create_token')
    const caller = await logIn('robot', secret)
    const [own, session] = [await issueOwn(caller, 'robot'), await issue(caller)]

    const { ended } = changed(await tokens.deleteClient({ id: 'robot' }, operator))

    expect(ended?.counts).toEqual({ invalidated: 4, previouslyInvalidated: 0 })
    expect([await isActive(own), await isActive(session), await mayLogIn('robot', secret)]).toEqual([
      false,
      false,
      false,
    ])
    expect(await ids()).toEqual(['admin'])
    expect(await tokens.findClient('robot', operator)).toBeUndefined()
    expect(await newestRevocation()).toMatchObject({ selector: 'client', clientId: 'robot', reason: 'account-purged' })
    expect(await Promise.all(everyChange('robot').map((run) => run().then(reasonOf)))).toEqual(
      everyChange('robot').map(() => 'unknown'),
    )
  })
})

const everyChange = (id: string, caller: Caller = operator): readonly (() => Promise<ClientAnswer>)[] => [
  () => tokens.rotateClientSecret({ id }, caller),
  () => tokens.replaceClientSecret({ id }, caller),
  () => tokens.updateClient({ id, scopes: [] }, caller),
  () => tokens.disableClient({ id }, caller),
  () => tokens.enableClient({ id }, caller),
  () => tokens.deleteClient({ id }, caller),
]

test('updateClient sets the scopes; tokens with scopes that are gone have them no more', async () => {
  const caller = await createCaller('console', 'create_token', 'manage_token')
  const pair = await tokens.issue({ owner: alice, scopes: ['manage_token', 'create_token'] }, caller)

  const { client } = changed(
    await tokens.updateClient({ id: 'console', scopes: ['create_token', 'introspect_token'] }, operator),
  )

  expect(client.scopes).toEqual(['create_token', 'introspect_token'])
  expect(await tokens.introspect(pair.accessToken, admin)).toMatchObject({ scopes: ['create_token'] })
})

test('a client that is unknown, disabled or enabled is a refusal and no error', async () => {
  await create('enabled')
  await create('disabled')
  await tokens.disableClient({ id: 'disabled' }, operator)

  for (const run of everyChange('nobody')) expect(reasonOf(await run())).toBe('unknown')
  const [rotate, replace, update] = everyChange('disabled')
  for (const run of [rotate, replace, update]) expect(run && reasonOf(await run())).toBe('disabled')
  expect(reasonOf(await tokens.enableClient({ id: 'enabled' }, operator))).toBe('enabled')
})

describe('who may', () => {
  test('anybody with manage_clients may, and nobody else; the answer does not say whether the client exists', async () => {
    await create('login')
    const others = serviceScopes.filter((scope) => scope !== 'manage_clients')
    const caller = await createCaller('others', ...others)
    const ask = (who: Caller, id: string) => [
      ...everyChange(id, who),
      () => tokens.createClient({ id, scopes: [] }, who),
      () => tokens.findClient(id, who),
      () => tokens.listClients({ limit: 1 }, who),
    ]

    for (const run of [...ask(caller, 'login'), ...ask(caller, 'nobody')])
      expect(await codeOf(run())).toBe('ERR_FORBIDDEN')
    for (const run of ask({ kind: 'anonymous' }, 'login')) expect(await codeOf(run())).toBe('ERR_UNAUTHENTICATED')
    expect(await tokens.findClient('login', operator)).toMatchObject({ disabledAt: undefined })
  })

  test('a manager changes no client that has a scope which the manager has not, and gives none', async () => {
    const manager = await createCaller('manager', 'manage_clients', 'create_token')
    await create('gateway', 'introspect_token')
    await create('login', 'create_token')

    for (const run of everyChange('gateway', manager)) expect(await codeOf(run())).toBe('ERR_FORBIDDEN')
    for (const scopes of [['introspect_token'], ['create_token', 'manage_token']]) {
      expect(await codeOf(tokens.createClient({ id: 'new', scopes }, manager))).toBe('ERR_FORBIDDEN')
      expect(await codeOf(tokens.updateClient({ id: 'login', scopes }, manager))).toBe('ERR_FORBIDDEN')
    }
    expect(reasonOf(await tokens.updateClient({ id: 'login', scopes: ['manage_clients'] }, manager))).toBe('changed')
    expect(reasonOf(await tokens.createClient({ id: 'new', scopes: ['create_token'] }, manager))).toBe('changed')
  })

  test('an owner whose token has manage_clients may, while the client that created it has the scope', async () => {
    const console = await createCaller('console', 'create_token', 'manage_clients')
    const pair = await tokens.issue({ owner: alice, scopes: ['manage_clients'] }, console)
    const owner = await tokens.authenticate({ kind: 'bearer', token: pair.accessToken })

    expect(reasonOf(await tokens.createClient({ id: 'one', scopes: [] }, owner))).toBe('changed')
    // Created with `create_token`, which the console has and this token has not.
    expect(await codeOf(tokens.createClient({ id: 'two', scopes: ['create_token'] }, owner))).toBe('ERR_FORBIDDEN')
    await tokens.updateClient({ id: 'console', scopes: ['create_token'] }, operator)
    expect(await codeOf(tokens.createClient({ id: 'three', scopes: [] }, owner))).toBe('ERR_FORBIDDEN')
  })

  test('a manager that was disabled, deleted or given another secret after it authenticated changes nothing', async () => {
    const changes = [
      () => tokens.disableClient({ id: 'manager' }, operator),
      () => tokens.enableClient({ id: 'manager' }, operator),
      () => tokens.replaceClientSecret({ id: 'manager' }, operator),
      () => tokens.deleteClient({ id: 'manager' }, operator),
    ]
    const manager = await createCaller('manager', 'manage_clients')
    await create('login')

    for (const change of changes) {
      expect(reasonOf(await change())).toBe('changed')
      for (const run of everyChange('login', manager)) expect(await codeOf(run())).toBe('ERR_UNAUTHENTICATED')
      expect(await codeOf(tokens.createClient({ id: 'backdoor', scopes: [] }, manager))).toBe('ERR_UNAUTHENTICATED')
    }
  })

  test('the scopes of a client that was changed while a manager waited are looked at again', async () => {
    const manager = await createCaller('manager', 'manage_clients', 'create_token')
    await create('login', 'create_token')

    const [update] = await Promise.all([
      codeOf(tokens.updateClient({ id: 'login', scopes: ['create_token', 'manage_token'] }, operator)),
      ...twenty(() => codeOf(tokens.rotateClientSecret({ id: 'login' }, manager))),
    ])

    expect(update).toBe('answered')
    expect(await codeOf(tokens.rotateClientSecret({ id: 'login' }, manager))).toBe('ERR_FORBIDDEN')
  })
})

describe('the last enabled client with manage_clients', () => {
  const takesAway = (id: string, caller: Caller = operator, at = tokens) => [
    () => at.disableClient({ id }, caller),
    () => at.deleteClient({ id }, caller),
    () => at.updateClient({ id, scopes: ['create_token'] }, caller),
  ]

  test('is neither disabled nor deleted nor loses the scope, whoever asks', async () => {
    await create('login', 'create_token')
    await create('disabled', 'manage_clients')
    await tokens.disableClient({ id: 'disabled' }, operator)
    await create('deleted', 'manage_clients')
    await tokens.deleteClient({ id: 'deleted' }, operator)

    for (const caller of [admin, operator])
      for (const run of takesAway('admin', caller)) expect(reasonOf(await run())).toBe('last-manager')

    expect(await tokens.findClient('admin', operator)).toMatchObject({ disabledAt: undefined, scopes: serviceScopes })
    expect(await newestRevocation()).toMatchObject({ clientId: 'deleted' })
    const others = [
      () => tokens.rotateClientSecret({ id: 'admin' }, operator),
      () => tokens.replaceClientSecret({ id: 'admin' }, operator),
      () => tokens.updateClient({ id: 'admin', scopes: ['manage_clients'] }, operator),
    ]
    for (const run of others) expect(reasonOf(await run())).toBe('changed')
  })

  test('of two that take it from each other at once one stays, twenty times', async () => {
    const other = service.another()
    for (let round = 0; round < 20; round++) {
      await service.clear()
      const [first, second] = [await logIn('admin', adminSecret), await createCaller('second', ...serviceScopes)]
      const ofFirst = takesAway('second', first)[round % 3]
      const ofSecond = takesAway('admin', second, other)[(round >> 1) % 3]

      const outcomes = await Promise.all([ofFirst, ofSecond].map((run) => run && settle(run)))

      expect(outcomes.filter((outcome) => outcome === 'changed')).toHaveLength(1)
      expect(outcomes.filter((outcome) => /^(last-manager|ERR_\w+)$/.test(outcome ?? ''))).toHaveLength(1)
      expect(await countManagers()).toBe(1)
    }
  })

  const settle = (run: () => Promise<ClientAnswer>) =>
    run().then(reasonOf, ({ code }: { readonly code: string }) => code)
  const countManagers = async () => {
    const isManager = sql`${clients.disabledAt} is null and 'manage_clients' = any(${clients.scopes})`
    return service.database.db.$count(clients, isManager)
  }
})

describe('listClients', () => {
  test('has all clients, the oldest first, the disabled ones and nothing secret, page by page', async () => {
    for (const id of ['zoe', 'bob', 'eve', 'dan']) await create(id, 'create_token')
    await tokens.disableClient({ id: 'bob' }, operator)
    await tokens.deleteClient({ id: 'eve' }, operator)

    const first = await tokens.listClients({ limit: 2 }, admin)
    const second = await tokens.listClients({ after: 'zoe', limit: 2 }, admin)
    const afterDeleted = await tokens.listClients({ after: 'eve', limit: 2 }, admin)

    expect(first.map(({ id }) => id)).toEqual(['admin', 'zoe'])
    expect(second).toEqual([
      {
        id: 'bob',
        scopes: ['create_token'],
        createdAt: expect.any(Date),
        disabledAt: service.clock.now(),
        previousSecretUntil: undefined,
      },
      expect.objectContaining({ id: 'dan', disabledAt: undefined }),
    ])
    expect(afterDeleted.map(({ id }) => id)).toEqual(['dan'])
    expect(await codeOf(tokens.listClients({ limit: 0 }, admin))).toBe('ERR_BAD_INPUT')
  })
})

describe('a session that is being created while its client is changed', () => {
  const changes = {
    replaced: (at: Tokens) => at.replaceClientSecret({ id: 'login', endSessions: true }, operator),
    disabled: (at: Tokens) => at.disableClient({ id: 'login', endSessions: true }, operator),
    deleted: (at: Tokens) => at.deleteClient({ id: 'login' }, operator),
  }

  test.each(Object.entries(changes))('is refused or ended, on any instance, when it is %s', async (_, change) => {
    for (let round = 0; round < 5; round++) {
      await service.clear()
      const client = await createCaller('login', 'create_token')
      const callers = [client, await ownerWithCreateToken(client)]
      const instances = [service.another(), service.another()]
      const issuing = () =>
        callers.flatMap((caller) => instances.flatMap((at) => twenty(() => issue(caller, at).catch(codeOfError))))

      const before = issuing()
      // The first round changes the client at once, the others while more and more of the requests are answered.
      await Promise.all(before.slice(0, round * 8))
      const changing = change(tokens)
      const beside = issuing()
      expect(reasonOf(await changing)).toBe('changed')
      const after = await Promise.all(issuing())
      const pairs = await Promise.all([...before, ...beside, ...after])

      expect(new Set(after)).toEqual(new Set(['ERR_UNAUTHENTICATED']))
      const issued = pairs.filter((pair) => typeof pair !== 'string')
      expect((await Promise.all(issued.map(isActive))).filter(Boolean)).toEqual([])
      expect(pairs.filter((pair) => typeof pair === 'string' && pair !== 'ERR_UNAUTHENTICATED')).toEqual([])
    }
  })

  const codeOfError = ({ code }: { readonly code: string }) => code

  async function ownerWithCreateToken(client: Caller): Promise<Caller> {
    const request = { owner: { realm: 'staff', username: 'bob' }, scopes: ['create_token'] }
    const { accessToken: token } = await tokens.issue(request, client)
    return tokens.authenticate({ kind: 'bearer', token })
  }

  test('by a caller that a program made by itself is refused only while the client is disabled or deleted', async () => {
    const program = { kind: 'client', clientId: 'login', scopes: ['create_token'] } as const
    expect(await codeOf(issue(program))).toBe('answered')
    await create('login', 'create_token')
    expect(await codeOf(issue(program))).toBe('answered')
    await tokens.replaceClientSecret({ id: 'login' }, operator)
    expect(await codeOf(issue(program))).toBe('answered')

    await tokens.disableClient({ id: 'login' }, operator)
    expect(await codeOf(issue(program))).toBe('ERR_UNAUTHENTICATED')
    await tokens.enableClient({ id: 'login' }, operator)
    expect(await codeOf(issue(program))).toBe('answered')
    await tokens.deleteClient({ id: 'login' }, operator)
    expect(await codeOf(issue(program))).toBe('ERR_UNAUTHENTICATED')
    expect(await codeOf(issue(operator))).toBe('answered')
  })
})
