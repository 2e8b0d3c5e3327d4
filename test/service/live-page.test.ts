import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { followLogin } from '../../examples/frontend/live.ts'
import { createLogin, type LoginEnd } from '../../examples/frontend/login.ts'
import { createPage } from '../../examples/frontend/page.ts'
import { type RunningPostgres, startPostgres } from '../../scripts/lib/postgres.ts'
import { frontends, logIn } from '../support/frontends.ts'
import { type RunningService, startProcess } from '../support/process.ts'

const secret = 'a-secret-for-tests-of-32-characters'

let postgres: RunningPostgres
/** The access tokens of this service expire after a second. */
let service: RunningService
beforeAll(async () => {
  postgres = await startPostgres()
  const database = { DATABASE_URL: await postgres.createDatabase('live') }
  service = await startProcess({ ...database, ADMIN_SECRET: secret, ACCESS_TOKEN_SECONDS: '1' })
})
afterAll(async () => {
  await service.end()
  await postgres.stop()
})

describe.each(frontends)('with %s, a page that subscribes', (name, connect) => {
  async function open() {
    const login = createLogin()
    login.begin(await logIn(service.url, `admin:${secret}`, { username: name }))
    const { connection } = connect(service.url, login)
    const onEnd = vi.fn<(why: LoginEnd) => void>()
    login.onEnd(onEnd)
    return { login, connection, page: createPage(connection, login), onEnd }
  }

  test.concurrent('is notified that it was logged out elsewhere, also after it refreshed its token', async () => {
    const [here, elsewhere] = [await open(), await open()]
    const first = here.login.accessToken()
    const following = followLogin(service.url, here.connection, here.login)
    await expect.poll(() => here.login.accessToken()).not.toBe(first)

    await elsewhere.page.logOutEverywhere()
    await following

    expect(here.onEnd).toHaveBeenCalledExactlyOnceWith('INVALIDATED')
  })

  test.concurrent('stops listening when it logs out itself', async () => {
    const { login, connection, page, onEnd } = await open()
    const following = followLogin(service.url, connection, login)

    await page.logOut()
    await following

    expect(onEnd).toHaveBeenCalledExactlyOnceWith('LOGGED_OUT')
  })
})
