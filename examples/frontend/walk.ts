import { randomBytes } from 'node:crypto'
import { readConfig, startService } from '../../src/index.ts'
import { connectApollo } from './apollo.ts'
import { createLogin, type Login, type Pair } from './login.ts'
import { type Connection, createPage, type Page } from './page.ts'
import { connectUrql } from './urql.ts'

/** A new secret at every start, so that the example need not store it. */
const adminSecret = randomBytes(24).toString('base64url')
const authorization = `Basic ${Buffer.from(`admin:${adminSecret}`).toString('base64')}`
const config = readConfig({ DATA_DIR: 'examples/frontend/.data', ...process.env, ADMIN_SECRET: adminSecret, PORT: '0' })
const service = await startService(config)

await walk('Apollo Client', connectApollo)
await walk('urql', connectUrql)
await service.stop()

/** Alice logs in on three devices, and uses the page on her laptop. */
async function walk(name: string, connect: (endpoint: string, login: Login) => Connection<unknown>): Promise<void> {
  say(`\n${name}`)
  const login = createLogin()
  const page = createPage(connect(service.url, login), login)
  login.onEnd((why) => say('the login form is shown', why))

  login.begin(await logIn('laptop'))
  await logIn('tablet')
  await logIn('phone')
  say('logged in', await describe(page))
  const phone = (await page.devices(20)).nodes.find(({ device }) => device.label === 'phone')
  await page.logOutDevice(phone?.id ?? '')
  say('logged the phone out', await describe(page))
  await page.logOutOthers()
  say('logged all others out', await describe(page))
  await page.logOut()

  login.begin(await logIn('laptop'))
  say('logged in again', await describe(page))
  await page.logOutEverywhere()
}

async function describe(page: Page): Promise<string> {
  const { nodes } = await page.devices(20)
  return nodes.map(({ device, isCurrent }) => `${device.label}${isCurrent ? ' (here)' : ''}`).join(', ')
}

function say(what: string, details = ''): void {
  process.stdout.write(`${what.padEnd(26)}${details}`.trimEnd().concat('\n'))
}

/** What a login service does after it has verified the owner. */
async function logIn(label: string): Promise<Pair> {
  const query = `mutation ($input: CreateTokenPairInput!) {
    createTokenPair(input: $input) { accessToken refreshToken } }`
  const input = { realmName: 'demo', username: 'alice', device: { label } }
  const response = await fetch(service.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization },
    body: JSON.stringify({ query, variables: { input } }),
  })
  const { data, errors }: LogInAnswer = await response.json()
  if (!data) throw new AggregateError(errors ?? [], 'Could not log in')
  return data.createTokenPair
}

interface LogInAnswer {
  readonly data?: { readonly createTokenPair: Pair } | null
  readonly errors?: readonly unknown[]
}
