import { type Browser, chromium, type Page } from 'playwright-core'

/** GraphiQL in a real browser, with a record of its unwanted requests and messages. */
export interface OpenPage {
  readonly page: Page
  /** Requests to origins other than the page's own. */
  readonly externalRequests: readonly string[]
  /** Errors and warnings in the console, including violations of the content security policy. */
  readonly complaints: readonly string[]
  readonly close: () => Promise<void>
}

/** GraphiQL's Monaco editors, each by the end of its text model's name. */
type Editor = 'operation.graphql' | 'request-headers.json' | 'response.json'

/** Debian's Chromium. */
export const chromiumPath = '/usr/bin/chromium'

const launchOptions = {
  executablePath: chromiumPath,
  // Without the flags below `--no-sandbox` the browser itself sends requests to Google's hosts.
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
}

/** Opens GraphiQL at `url` in a new browser and waits until its editors are ready. */
export async function openPage(url: string): Promise<OpenPage> {
  const browser = await chromium.launch(launchOptions)
  try {
    return await openIn(browser, url)
  } catch (cause) {
    await browser.close()
    throw cause
  }
}

async function openIn(browser: Browser, url: string): Promise<OpenPage> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
  const externalRequests: string[] = []
  const complaints: string[] = []
  const recordRequest = (requested: string): void => {
    if (isExternal(requested, url)) externalRequests.push(requested)
  }
  page.on('request', (request) => recordRequest(request.url()))
  page.on('websocket', (socket) => recordRequest(socket.url()))
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  await page.goto(url)
  await page.locator('.graphiql-query-editor .view-line').first().waitFor()
  return { page, externalRequests, complaints, close: () => browser.close() }
}

/** The blob URL of a worker has the page's origin; a data URL causes no request. */
function isExternal(requested: string, url: string): boolean {
  return !requested.startsWith('data:') && new URL(requested).origin !== new URL(url).origin
}

/** Switches to the tab with this title, which is the name of its operation. */
export async function openTab(page: Page, title: string): Promise<void> {
  await page.getByRole('tab').getByRole('button', { name: title, exact: true }).click()
  await page.getByRole('tab', { selected: true }).filter({ hasText: title }).waitFor()
  await waitUntilStored(page, 'query', 'operation.graphql')
}

/** Replaces the whole query by pasting over it. */
export async function writeQuery(page: Page, text: string): Promise<void> {
  await replaceText(page, '.graphiql-query-editor', text)
  await until(page, `${textOf('operation.graphql')} === ${JSON.stringify(text)}`)
  await waitUntilStored(page, 'query', 'operation.graphql')
}

/** Replaces all headers. `text` is JSON, as in the editor. */
export async function writeHeaders(page: Page, text: string): Promise<void> {
  await page.locator('.graphiql-editor-tools').getByRole('button', { name: 'Headers', exact: true }).click()
  await replaceText(page, '.graphiql-editor-tool .graphiql-editor:not(.hidden)', text)
  await until(page, `${textOf('request-headers.json')} === ${JSON.stringify(text)}`)
  await waitUntilStored(page, 'headers', 'request-headers.json')
}

/** Presses the play button. GraphiQL empties the result at once and fills it when the answer arrives. */
export async function run(page: Page): Promise<void> {
  await page.getByRole('button', { name: /^Execute query/ }).click()
}

/** Waits for the answer and reads it. */
export async function readResult(page: Page): Promise<unknown> {
  await until(page, `${textOf('response.json')} !== ''`)
  return JSON.parse(await readEditor(page, 'response.json'))
}

/** Pastes the text. When text is typed, or set by `keyboard.insertText`, Monaco adds closing brackets to it. */
async function replaceText(page: Page, editor: string, text: string): Promise<void> {
  await page.locator(`${editor} .view-lines`).click()
  await page.keyboard.press('ControlOrMeta+a')
  await page.evaluate(`{
    const clipboardData = new DataTransfer()
    clipboardData.setData('text/plain', ${JSON.stringify(text)})
    document.activeElement.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))
  }`)
}

/**
 * Waits until GraphiQL has stored an editor's text, 100 ms (headers: 500 ms) after the last change.
 *
 * Until then it sends a new query under the old operation's name, and writes headers into the tab that is open.
 */
async function waitUntilStored(page: Page, key: 'query' | 'headers', editor: Editor): Promise<void> {
  await until(page, `(sessionStorage.getItem('graphiql:${key}') ?? '') === ${textOf(editor)}`)
}

/** Polls from here: `page.waitForFunction` polls in the page, whose content security policy forbids `eval`. */
async function until(page: Page, condition: string): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!(await page.evaluate(condition))) {
    if (Date.now() > deadline) throw new Error(`\`${condition}\` did not become true in GraphiQL within a minute`)
    await page.waitForTimeout(25)
  }
}

async function readEditor(page: Page, editor: Editor): Promise<string> {
  return String(await page.evaluate(textOf(editor)))
}

/** Reads a text from Monaco's model: the page contains only the lines that are visible. */
function textOf(editor: Editor): string {
  return `__MONACO.editor.getModels().find((model) => model.uri.path.endsWith('-${editor}')).getValue()`
}
