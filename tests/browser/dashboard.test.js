// The dashboard at / in a real browser over the real server: what whoever runs it may expect to see and to do. Pictures go to
// tests/out/browser.

import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { guard, token } from './guests.js'
import { launch, until } from './people.js'
import { Server } from './server.js'

const pictures = join(import.meta.dirname, '../out/browser')
const PATIENCE_MS = 20_000
/** From when an edit is stored until the dashboard shows it. */
const FOLLOWS_MS = 2_000

let browser
before(async () => {
  browser = await launch()
})
after(() => browser?.close())

async function serve(t) {
  const server = new Server()
  t.after(() => server.remove())
  await server.start()
  return server
}

/** Somebody with the dashboard before them. */
class Watcher {
  complaints = []
  asked = []

  static async at(t, address, options = {}, from = browser) {
    const watcher = new Watcher()
    const context = await from.newContext({ viewport: { width: 1280, height: 860 }, ...options })
    t.after(() => context.close())
    const page = (watcher.page = await context.newPage())
    page.setDefaultTimeout(PATIENCE_MS)
    page.on('pageerror', (error) => watcher.complaints.push(String(error)))
    // A page that breaks its own security policy says so here. Answers that are refusals do, too, and are none of that.
    page.on('console', (message) => {
      if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) watcher.complaints.push(message.text())
    })
    page.on('request', (request) => watcher.asked.push(request.url()))
    await page.goto(address)
    return watcher
  }

  line(room) {
    return this.page.locator(`tr[data-room="${room}"]`)
  }

  async figure(room, column) {
    return this.line(room).locator(`td.${column}`).textContent()
  }

  live() {
    return this.page.waitForSelector('.light[data-line=live]')
  }

  tab(name) {
    return this.page.getByRole('tab', { name, exact: true }).click()
  }

  button(name) {
    return this.page.getByRole('button', { name, exact: true })
  }

  picture(title) {
    return this.page.screenshot({ path: join(pictures, `dashboard-${title}.png`) })
  }

  /** Nothing is cut off at the side of the screen, or has to be pushed there. */
  async fits() {
    const [wide, screen] = await this.page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth])
    ok(wide <= screen, `${wide} on a screen of ${screen}`)
    const panel = this.page.locator('.panel')
    if (await panel.isVisible()) strictEqual(await panel.evaluate((element) => element.scrollWidth - element.clientWidth), 0)
  }

  stayedHome(home) {
    const strays = this.asked.filter((url) => !url.startsWith('blob:') && !url.startsWith('data:') && !url.startsWith(`${home}/`))
    deepStrictEqual(strays, [])
    deepStrictEqual(this.complaints, [])
  }
}

/** Somebody who draws a line at the canvas and knows it stored. */
async function painter(t, address, room, name) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 700 } })
  t.after(() => context.close())
  const page = await context.newPage()
  await page.goto(`${address}/try/${room}`)
  const saved = () => page.waitForSelector('.light[data-light=saved]', { timeout: PATIENCE_MS })
  await saved()
  await page.click('.face.me')
  await page.fill('#my-name', name)
  await page.keyboard.press('Enter')
  return {
    page,
    async draw(y) {
      await page.keyboard.press('p')
      await page.mouse.move(200, y)
      await page.mouse.down()
      await page.mouse.move(600, y + 60, { steps: 8 })
      await page.mouse.up()
      await saved()
    },
  }
}

test('Z7: two people draw, and the dashboard follows; a room shows who is in it and takes a version back', async (t) => {
  const server = await serve(t)
  const home = `http://127.0.0.1:${server.port}`
  const dora = await Watcher.at(t, `${home}/`)
  await dora.live()
  await dora.page.getByText('No room yet').waitFor()
  await dora.picture('1-empty')

  t.diagnostic('the table follows')
  const ada = await painter(t, home, 'plans/spring', 'Ada')
  const ben = await painter(t, home, 'plans/spring', 'Ben')
  await until(async () => strictEqual(await dora.figure('plans/spring', 'people'), '2'))
  const stored = async () => Number(/update (\d+)/.exec(await dora.page.locator('.panel .figures').textContent())?.[1])
  await dora.line('plans/spring').getByRole('button').click()
  await ada.draw(200)
  await until(async () => ok((await stored()) > 0))
  const before = await stored()
  await ben.draw(300)
  const drawn = performance.now()
  await until(async () => ok((await stored()) > before))
  const took = performance.now() - drawn
  t.diagnostic(`${Math.round(took)} ms after it was stored`)
  ok(took < FOLLOWS_MS, `${took} ms`)
  match(await dora.figure('plans/spring', 'bytes'), /^\d[\d.]* (B|kB)$/)
  strictEqual(await dora.figure('plans/spring', 'node'), 'here')

  t.diagnostic('who is here')
  await until(async () => deepStrictEqual((await dora.page.locator('.people-list bdi').allTextContents()).sort(), ['Ada', 'Ben']))
  await dora.page.locator('.picture img:not([hidden]), .placeholder:not([hidden])').first().waitFor()
  await dora.picture('2-live')

  t.diagnostic('a version is kept, and put back after a second thought')
  await dora.tab('Versions')
  await dora.page.getByLabel('Name of a version').fill('Before lunch')
  await dora.button('Keep this one').click()
  await dora.page.locator('.entry-name', { hasText: 'Before lunch' }).waitFor()
  await ada.draw(420)
  await until(async () => strictEqual(await ben.page.locator('[data-shape]').count(), 3))
  const version = dora.page.locator('.entries > li', { hasText: 'Before lunch' })
  await version.getByRole('button', { name: 'Restore' }).click()
  strictEqual(await ben.page.locator('[data-shape]').count(), 3)
  const small = version.locator('.thumbnail img')
  await small.waitFor()
  strictEqual(await small.getAttribute('alt'), 'Version 1 of plans/spring')
  ok((await small.evaluate((image) => Math.max(image.naturalWidth, image.naturalHeight))) > 100)
  const see = version.getByRole('button', { name: 'Show a large picture' })
  await see.click()
  const large = version.locator('.seen img')
  strictEqual(await large.getAttribute('alt'), 'What was on plans/spring in version 1')
  ok((await large.evaluate((image) => image.complete && image.naturalWidth)) > 192)
  strictEqual(await see.getAttribute('aria-expanded'), 'true')
  await see.click()
  await large.waitFor({ state: 'detached' })
  await dora.picture('3-versions')
  await version.locator('.sure').getByRole('button', { name: 'Restore' }).click()
  await until(async () => strictEqual(await ben.page.locator('[data-shape]').count(), 2))
  await dora.page.getByText('what was there before is version').waitFor()

  t.diagnostic('keys: Escape goes back to the line, arrows go through the tabs')
  await dora.page.locator('[role=tab][aria-selected=true]').first().focus()
  await dora.page.keyboard.press('ArrowRight')
  strictEqual(await dora.page.locator(':focus').textContent(), 'Export')
  await dora.page.keyboard.press('Escape')
  strictEqual(await dora.page.locator('.panel').isVisible(), false)
  strictEqual(await dora.page.locator(':focus').textContent(), 'plans/spring')
  dora.stayedHome(home)
})

test('Z7: the picture of a room follows the drawing, once a second at most, and files are waited for', async (t) => {
  const server = await serve(t)
  const home = `http://127.0.0.1:${server.port}`
  const ada = await painter(t, home, 'plans', 'Ada')
  const dora = await Watcher.at(t, `${home}/`)
  // What the server draws is shown where it draws. Here its answers are made up, one picture for every two that are asked for.
  const asks = []
  await dora.page.route('**/api/rooms/plans/preview.svg*', (route) => {
    const known = route.request().headers()['if-none-match'] ?? null
    const etag = `"${Math.floor(asks.length / 2)}"`
    asks.push({ at: performance.now(), known, etag })
    if (known === etag) return route.fulfill({ status: 304, headers: { etag } })
    // Taller than its place, in which all of it has to be seen.
    const body = `<svg xmlns="http://www.w3.org/2000/svg" width="${100 + asks.length}" height="900"/>`
    return route.fulfill({ body, contentType: 'image/svg+xml', headers: { etag } })
  })
  await dora.line('plans').getByRole('button').click()
  const width = () => dora.page.locator('.picture img').evaluate((image) => image.naturalWidth)
  await until(async () => strictEqual(await width(), 101))
  for (let y = 150; asks.length < 5; y = 150 + ((y + 30) % 400)) await ada.draw(y)
  const pauses = asks.slice(1).map(({ at }, before) => at - asks[before].at)
  ok(Math.min(...pauses) > 900, `pauses of ${pauses.map(Math.round)} ms`)
  deepStrictEqual(asks.slice(1, 5).map(({ known }) => known), ['"0"', '"0"', '"1"', '"1"'])
  await until(async () => ok((await width()) >= 105))
  const [place, image] = await Promise.all(['.picture', '.picture img'].map((part) => dora.page.locator(part).boundingBox()))
  ok(image.height <= place.height && image.y >= place.y, `${JSON.stringify(image)} in ${JSON.stringify(place)}`)

  const states = [
    { state: 'processing', progress: 40, url: null },
    { state: 'completed', progress: 100, url: '/objects/made.png?signature=1' },
    { state: 'completed', progress: 100, url: 'https://files.test/made.svg?signature=2' },
  ]
  const ordered = []
  await dora.page.route('**/api/exports/**', (route) => {
    const asked = route.request()
    ordered.push([asked.method(), new URL(asked.url()).pathname, asked.postData(), asked.headers().prefer ?? null])
    return route.fulfill({ json: { id: 'e7', error: null, ...states[Math.min(ordered.length, states.length) - 1] } })
  })
  await dora.page.route('**/objects/**', (route) => route.fulfill({ body: 'a picture', contentType: 'image/png' }))
  await dora.tab('Export')
  await dora.button('PNG').click()
  const link = dora.page.getByRole('link', { name: 'Save the PNG again' })
  strictEqual(await link.getAttribute('href'), `${home}/objects/made.png?signature=1`)
  strictEqual(await link.getAttribute('download'), 'plans.png')
  deepStrictEqual(ordered, [
    ['POST', '/api/exports/plans', '{"format":"png"}', 'wait=30'],
    ['GET', '/api/exports/e7', null, null],
  ])
  t.diagnostic('a file that lies elsewhere waits for a click')
  await dora.button('SVG').click()
  const elsewhere = dora.page.getByRole('link', { name: 'Save the SVG', exact: true })
  strictEqual(await elsewhere.getAttribute('href'), 'https://files.test/made.svg?signature=2')
  strictEqual(dora.page.context().pages().length, 1)
  ok(dora.page.url().startsWith(`${home}/#`))
  dora.stayedHome(home)
})

test('Z7: small pictures of versions are asked for when they are seen, once, and two at a time', async (t) => {
  const server = await serve(t)
  const home = `http://127.0.0.1:${server.port}`
  await painter(t, home, 'plans', 'Ada').then((ada) => ada.draw(200))
  const dora = await Watcher.at(t, `${home}/`)
  await dora.page.evaluate(() => {
    const [make, free] = [URL.createObjectURL, URL.revokeObjectURL].map((act) => act.bind(URL))
    const addresses = new Map()
    window.left = () => [...addresses.values()].filter((freed) => !freed).length
    window.made = () => addresses.size
    URL.createObjectURL = (blob) => {
      const address = make(blob)
      if (blob.type === 'image/png') addresses.set(address, false)
      return address
    }
    URL.revokeObjectURL = (address) => free((addresses.has(address) && addresses.set(address, true), address))
  })
  // What the server draws is shown where it draws. Here its answers are made up.
  const [png, pixel] = await Promise.all([[192, 120], [1, 1]].map(([width, height]) => dora.page.screenshot({ clip: { x: 0, y: 0, width, height } })))
  let newest = 30
  const created = '2026-05-04T12:00:00.000Z'
  const version = (number) => ({ version: number, label: `Try ${number}`, author: 'sub:ada', created, bytes: 2048, covers: number })
  await dora.page.route('**/api/rooms/plans/snapshots*', (route) => {
    if (route.request().method() === 'POST') return route.fulfill({ status: 201, json: version(++newest) })
    return route.fulfill({ json: { snapshots: Array.from({ length: newest }, (_, older) => version(newest - older)), next: null } })
  })
  const asked = []
  let [under, most] = [0, 0]
  await dora.page.route('**/api/rooms/plans/preview.png*', async (route) => {
    const { searchParams } = new URL(route.request().url())
    const number = Number(searchParams.get('version'))
    const before = asked.filter((other) => other === number).length
    asked.push(number)
    strictEqual(searchParams.get('width'), '192')
    most = Math.max(most, ++under)
    // Drawing takes a while, in which more could be asked for.
    await new Promise((soon) => setTimeout(soon, 30))
    under--
    if (number === 29) return route.fulfill({ body: pixel, contentType: 'image/png' })
    if (number === 28) return route.fulfill({ status: 422, json: { status: 422, code: 'not-drawable', detail: 'the picture would have too many pixels' } })
    if (number === 27 && before === 0) return route.fulfill({ status: 429, json: { status: 429, code: 'too-often', detail: 'later' } })
    return route.fulfill({ body: png, contentType: 'image/png' })
  })
  await dora.line('plans').getByRole('button').click()
  await dora.tab('Versions')
  const state = (number) => dora.page.locator('.entries > li', { has: dora.page.getByText(`Try ${number}`, { exact: true }) }).locator('.thumbnail')
  const is = (number, wanted) => until(async () => strictEqual(await state(number).getAttribute('data-state'), wanted))
  await is(30, 'drawn')
  strictEqual(await state(30).getByRole('img').getAttribute('alt'), 'Version 30 of plans')
  await is(29, 'empty')
  strictEqual(await state(29).innerText(), 'Empty')
  await is(28, 'none')
  strictEqual(await state(28).innerText(), 'No picture')
  strictEqual(await state(28).getAttribute('title'), 'The picture would have too many pixels.')
  strictEqual(await dora.page.getByRole('alert').filter({ hasText: /./ }).count(), 0)
  await is(27, 'drawn')
  await dora.picture('13-thumbnails')
  ok(!asked.includes(1), 'what nobody sees is not asked for')
  await state(1).scrollIntoViewIfNeeded()
  await is(1, 'drawn')
  strictEqual(most, 2)

  t.diagnostic('the list comes again, and what was drawn stays')
  const quiet = asked.length
  await state(30).scrollIntoViewIfNeeded()
  const element = await state(30).elementHandle()
  await dora.page.getByLabel('Name of a version').fill('Try 31')
  await dora.button('Keep this one').click()
  await is(31, 'drawn')
  await dora.tab('People')
  await dora.tab('Versions')
  await is(31, 'drawn')
  ok(await element.evaluate((thumbnail) => thumbnail.isConnected && thumbnail.querySelector('img').naturalWidth === 192))
  deepStrictEqual(asked.slice(quiet).filter((number) => [1, 27, 28, 29, 30].includes(number)), [])
  strictEqual(asked.filter((number) => number === 31).length, 1)
  strictEqual(asked.filter((number) => number === 27).length, 2)

  ok((await dora.page.evaluate(() => window.made())) > 5)
  strictEqual(await dora.page.evaluate(() => window.left()), 0)
  dora.stayedHome(home)
})

test('Z8: a new board has links for people and code for developers, and invites are shown once', async (t) => {
  const server = await serve(t)
  const home = `http://127.0.0.1:${server.port}`
  const dora = await Watcher.at(t, `${home}/`)
  await dora.live()
  await dora.button('New board').first().click()
  const dialog = dora.page.locator('dialog[open]')
  await dialog.locator('input:focus').waitFor()
  match(await dialog.getByLabel('Name').inputValue(), /^[a-z]+-[a-z]+-\d{3}$/)
  await dialog.getByLabel('Name').fill('team/plans')
  await dora.picture('4-new')
  await dora.button('Create board').click()
  strictEqual(await dialog.getByLabel('the link for people', { exact: true }).textContent(), `${home}/try/team/plans`)
  for (const [editor, part] of [
    ['Excalidraw', 'new ExcalidrawBinding('],
    ['Tiptap', 'Collaboration.configure('],
    ['tldraw', '<Tldraw store={store} />'],
  ]) {
    await dora.tab(editor)
    const code = await dialog.locator('pre').textContent()
    ok(code.includes(part) && code.includes(`'ws://127.0.0.1:${server.port}', 'team/plans'`), code)
  }
  await dora.picture('5-made')

  t.diagnostic('a name is given once')
  await dora.button('Close').click()
  await dora.button('New board').first().click()
  await dialog.getByLabel('Name').fill('team/plans')
  await dora.button('Create board').click()
  await dialog.getByRole('alert').filter({ hasText: 'There is a board of this name already' }).waitFor()

  t.diagnostic('a board with a password')
  await dialog.getByLabel('Name').fill('closed')
  await dialog.getByLabel('Who may come in').selectOption('password')
  await dialog.getByLabel('Password').fill('red paper')
  await dora.button('Create board').click()
  strictEqual(await dialog.getByLabel('the link for people', { exact: true }).textContent(), `${home}/join/closed`)
  await dora.button('Look at it here').click()
  await dora.tab('Share')
  await dora.button('Remove the password').waitFor()

  const visibility = () => dora.page.evaluate(async () => (await (await fetch('/api/rooms/closed')).json()).visibility)
  t.diagnostic('a board that somebody just drew on gets a password, and whoever brings it may draw')
  await painter(t, home, 'drawn', 'Ada').then((ada) => ada.draw(200))
  await dora.line('drawn').getByRole('button').click()
  await dora.page.getByPlaceholder('A password').fill('red paper')
  await dora.button('Set password').click()
  await dora.page.getByText('The password is set.').waitFor()
  const joined = await fetch(`${home}/api/rooms/drawn/join`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-forwarded-for': '203.0.113.9' },
    body: JSON.stringify({ name: 'Eve', password: 'red paper' }),
  })
  strictEqual((await joined.json()).role, 'editor')
  const fay = await Watcher.at(t, `${home}/join/drawn`, { extraHTTPHeaders: { 'x-forwarded-for': '203.0.113.10' } })
  await fay.page.getByLabel('Your name').fill('Fay')
  await fay.page.getByLabel('Password of the room').fill('red paper')
  await fay.button('Join').click()
  await fay.page.getByRole('link', { name: 'Draw on it here' }).click()
  await fay.page.waitForURL(/\/try\/drawn~g/)
  await fay.page.waitForSelector('.light[data-light=saved]')
  strictEqual(await fay.page.locator('[data-shape]').count(), 1)
  strictEqual(await fay.page.getAttribute('.face.me', 'title'), 'Fay (you)')
  await dora.line('closed').getByRole('button').click()

  t.diagnostic('an invite lets one in, and its link is not shown again')
  await dora.page.getByLabel('Label').fill('for Eve')
  await dora.page.getByLabel('For how many').fill('1')
  await dora.button('Make an invite').click()
  const link = await dora.page.getByLabel('the invite', { exact: true }).textContent()
  match(link, /\/join\/closed#invite=/)
  await dora.page.locator('.entries > li', { hasText: 'for Eve' }).getByText('used 0 of 1').waitFor()
  await dora.picture('6-share')

  t.diagnostic('what is changed beside it is saved when asked to, said, and leaves the link there')
  await dora.page.getByPlaceholder('A new password').fill('blue paper')
  await dora.button('Change').click()
  await dora.page.getByText('The password is set.').waitFor()
  const who = dora.page.getByLabel('Without an invite')
  await who.focus()
  await dora.page.keyboard.press('ArrowDown')
  strictEqual(await who.inputValue(), 'private')
  strictEqual(await visibility(), 'public')
  await dora.button('Save').click()
  await dora.page.getByText('It is saved.').waitFor()
  strictEqual(await visibility(), 'private')
  strictEqual(await dora.page.getByLabel('the invite', { exact: true }).textContent(), link)
  const eve = await Watcher.at(t, link)
  await eve.page.getByLabel('Your name').fill('Eve')
  await eve.button('Join').click()
  await dora.tab('People')
  await until(async () => {
    await dora.tab('Share')
    await dora.page.locator('.entries > li', { hasText: 'for Eve' }).getByText('used up').waitFor({ timeout: 1_000 })
  })
  strictEqual(await dora.page.getByText(link).count(), 0)
  await dora.button('Revoke').click()
  await dora.page.locator('.entries > li', { hasText: 'for Eve' }).getByText('revoked').waitFor()
  dora.stayedHome(home)
})

test('Z9: a guarded server shows its rooms to admins, and a token goes nowhere else', async (t) => {
  const at = await guard(t)
  await at.ask('POST', '', { name: 'secret plans' })
  const home = `http://sync.board.test:${at.port}`
  const dora = await Watcher.at(t, `${home}/`, {}, at.browser())
  const give = async (words) => {
    await dora.page.getByLabel('Admin token').fill(words)
    await dora.button('Show the rooms').click()
  }
  await dora.page.getByText('A sync server for whiteboards').waitFor()
  await dora.picture('7-door')
  await give('not a token')
  await dora.page.getByRole('alert').filter({ hasText: 'The token is not taken' }).waitFor()
  await give(token('ann', 600, { rooms: { '*': 'owner' } }))
  await dora.page.getByRole('alert').filter({ hasText: 'scrible:admin' }).waitFor()
  await dora.picture('8-refused')
  ok(!(await dora.page.content()).includes('secret plans'))

  const good = token('dora', 600, { scope: 'scrible:admin' })
  await give(good)
  await dora.live()
  await dora.line('secret plans').waitFor()
  deepStrictEqual(dora.asked.filter((url) => url.includes(good.slice(-20))), [])
  strictEqual(await dora.page.evaluate(() => JSON.stringify(localStorage)), '{}')
  await dora.page.reload()
  await dora.line('secret plans').waitFor()

  t.diagnostic('an admin draws at once, by a link for this room alone')
  await dora.line('secret plans').getByRole('button').click()
  const draw = async () => {
    const opening = dora.page.context().waitForEvent('page')
    await dora.button('Draw').click()
    const canvas = await opening
    const sockets = []
    canvas.on('websocket', (socket) => sockets.push(socket.url()))
    await canvas.waitForURL(/\/try\/secret%20plans~g[\w-]{22}$/)
    await canvas.waitForSelector('.light[data-light=saved]', { timeout: PATIENCE_MS })
    return { canvas, sockets }
  }
  const { canvas, sockets } = await draw()
  await canvas.keyboard.press('p')
  await canvas.mouse.move(200, 300)
  await canvas.mouse.down()
  await canvas.mouse.move(600, 360, { steps: 8 })
  await canvas.mouse.up()
  await dora.page.getByText(/· update [1-9]/).waitFor()
  const kept = await canvas.evaluate(() => JSON.stringify([localStorage, sessionStorage, document.cookie, window.opener]))
  ok(!kept.includes(good) && kept.endsWith('null]'), kept)
  const reload = canvas.reload()
  await reload
  await canvas.waitForSelector('.light[data-light=saved]', { timeout: PATIENCE_MS })
  ok(sockets.length > 0)
  deepStrictEqual([...sockets, canvas.url()].filter((url) => url.includes(good.slice(-20)) || url.includes('token')), [])
  await until(async () => deepStrictEqual((await at.ask('GET', '/secret%20plans/participants')).participants.slice(0, 1).map(({ name, role }) => [name, role]), [['dora', 'editor']]))
  const grants = async () => (await at.ask('GET', '/secret%20plans/grants')).grants
  const [grant] = await grants()
  ok(Date.parse(grant.expires) <= Date.now() + 600_000, `${grant.expires}: no longer than the token`)
  const again = await draw()
  strictEqual(again.canvas.url(), canvas.url())
  strictEqual((await grants()).length, 1)

  t.diagnostic('revoked, it leads nowhere, and the next one is another')
  await at.ask('DELETE', `/secret%20plans/grants/${grant.id}`)
  await canvas.waitForSelector('.light[data-light=refused]', { timeout: PATIENCE_MS })
  const other = await draw()
  ok(other.canvas.url() !== canvas.url())
  for (const window of [canvas, again.canvas, other.canvas]) await window.close()
  await dora.button('Close').click()
  await dora.button('Forget token').click()
  await dora.page.getByLabel('Admin token').waitFor()
  strictEqual(await dora.page.evaluate(() => JSON.stringify(sessionStorage)), '{}')
  dora.stayedHome(home)

  t.diagnostic('an open server that somebody reaches from elsewhere')
  const server = await serve(t)
  const address = `http://127.0.0.1:${server.port}`
  await painter(t, address, 'plans', 'Ada')
  const stranger = await Watcher.at(t, `${address}/`, { extraHTTPHeaders: { 'x-forwarded-for': '203.0.113.9' } })
  await stranger.page.getByLabel('Name of a board').fill('a/b c')
  strictEqual(await stranger.page.getByLabel('Admin token').isVisible(), false)
  ok(!(await stranger.page.content()).includes('plans'))
  await stranger.picture('13-open-elsewhere')
  await stranger.button('Draw').click()
  await stranger.page.waitForURL(`${address}/try/a/b%20c`)
  stranger.stayedHome(address)

  t.diagnostic('a token that expires leads back to the door')
  await give(token('dora', 5, { scope: 'scrible:admin' }))
  await dora.live()
  await dora.button('New board').first().click()
  await dora.page.getByLabel('Admin token').waitFor()
  await give(good)
  await dora.live()
})

test('Z10: what the server says instead of showing its rooms is shown', async (t) => {
  const server = await serve(t)
  const home = `http://127.0.0.1:${server.port}`
  const dora = await Watcher.at(t, `${home}/`)
  const say = (status, code, detail) => dora.page.route('**/api/events', (route) => route.fulfill({ status, json: { status, code, detail } }))
  await say(503, 'busy', 'too many are watching; try again later')
  await dora.page.reload()
  await dora.page.getByRole('alert').filter({ hasText: 'Too many are watching; try again later. What you see' }).waitFor()
  await say(403, 'foreign-host', 'this server is not reached by this name')
  await dora.page.getByText('This server is not reached by this name.').waitFor()
  for (const name of ['Admin token', 'Name of a board']) strictEqual(await dora.page.getByLabel(name).isVisible(), false)
  dora.stayedHome(home)
})

test('Z10: the server goes away and comes back, and the page goes on by itself', async (t) => {
  const server = await serve(t)
  const home = `http://127.0.0.1:${server.port}`
  const ada = await painter(t, home, 'plans', 'Ada')
  await ada.draw(200)
  const dora = await Watcher.at(t, `${home}/`)
  await until(async () => strictEqual(await dora.figure('plans', 'people'), '1'))
  await server.kill()
  await dora.page.getByRole('alert').filter({ hasText: 'The server does not answer' }).waitFor()
  await dora.line('plans').waitFor()
  await dora.picture('9-away')
  await server.start()
  await dora.live()
  strictEqual(await dora.page.locator('.notice').isVisible(), false)
  await until(async () => strictEqual(await dora.figure('plans', 'people'), '1'))
  dora.stayedHome(home)
})

test('Z11: on a narrow screen nothing is cut off', async (t) => {
  const server = await serve(t)
  const home = `http://127.0.0.1:${server.port}`
  await painter(t, home, 'plans/a-room-with-a-name-that-goes-on-and-on-and-does-not-end/where/it/should', 'Ada')
  const options = { viewport: { width: 360, height: 720 }, hasTouch: true, isMobile: true, colorScheme: 'dark' }
  const dora = await Watcher.at(t, `${home}/`, options)
  const name = dora.page.locator('tr[data-room] button.name')
  await name.waitFor()
  await dora.fits()
  await dora.picture('10-narrow')
  await name.click()
  for (const tab of ['People', 'Versions', 'Export', 'Share', 'Connect']) {
    await dora.tab(tab)
    await dora.fits()
  }
  await dora.picture('11-narrow-panel')
  await dora.button('Close').click()
  await dora.button('New board').first().click()
  await dora.button('Create board').click()
  await dora.page.getByText('For developers').waitFor()
  await dora.fits()
  await dora.picture('12-narrow-made')
})
