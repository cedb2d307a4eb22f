// What becomes of people at a board when it changes who may be there, in a real browser: revoked, invited
// to look only, too hasty, and out of time.

import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { guard, PLACES, token } from './guests.js'
import { sameBoard, until } from './people.js'
import { connect, serveModules } from './tokens.js'

test('Y16: who has joined goes on with one click, and revoked is out within 2 s', async (t) => {
  const at = await guard(t)
  await at.room('once', 'another site', { password: 'red paper', link_role: 'editor' })
  const ada = await at.visit('Ada', 'once')
  await ada.tell('red paper')
  await ada.sees('synced')
  const first = ada.page.url()
  await ada.page.goto(ada.door)
  await ada.press('Go to the board')
  await ada.sees('synced')
  strictEqual(ada.page.url(), first, 'the link of one person stays the same')

  const { grants } = await at.ask('GET', '/once/grants')
  strictEqual(grants.length, 1)
  const ben = await at.visit('Ben', 'once')
  await ben.tell('red paper')
  await ben.sees('synced')
  await ben.rectangle([200, 150], [300, 200])
  await sameBoard({ geo: 1 }, ada, ben)
  const revoked = Date.now()
  await at.ask('DELETE', `/once/grants/${grants[0].id}`)
  // The socket is closed a little later, so that a client which comes back at once with the same does no harm.
  while (Date.now() - revoked < 2000) await ben.page.mouse.move(300, 300, { steps: 3 })
  await ben.rectangle([400, 300], [500, 350])
  await ada.sees('refused')
  deepStrictEqual(await ada.counts(), { geo: 1 })
  deepStrictEqual(await ben.counts(), { geo: 2 })
  await ada.picture('access-3-revoked')

  t.diagnostic('the same link is dead, and the password still opens')
  await ada.page.reload()
  await ada.page.waitForSelector('.badge[data-link=refused]')
  await ada.page.goto(ada.door)
  await ada.tell('red paper')
  await ada.sees('synced')
})

test('Y17: a viewer sees every edit and makes none', async (t) => {
  const at = await guard(t)
  await at.room('stage', 'another subdomain', { password: 'red paper', link_role: 'editor' })
  const { secret, url } = await at.ask('POST', '/stage/invites', { role: 'viewer', max_uses: 1 })
  const hash = new URL(url).hash
  strictEqual(hash, `#invite=${secret}`)
  const ada = await at.visit('Ada', 'stage')
  await ada.tell('red paper')
  await ada.sees('synced')
  const ben = await at.visit('Ben', 'stage', { hash })
  await ben.tell()
  await ben.page.getByText('your own changes are not taken').waitFor()
  ok(!ben.page.url().includes(secret), 'the invite has left the address')
  await ben.picture('access-4-viewer')
  await ben.press('Open the board')
  await ben.sees('synced')
  await ada.rectangle([200, 150], [400, 300])
  // Not the whole board: a page also writes down who draws, and Ben's keeps that to itself.
  await until(async () => deepStrictEqual(await ben.counts(), { geo: 1 }))
  await ben.stroke([450, 300], [550, 150], [650, 300])
  await ada.stroke([150, 450], [250, 550], [350, 450])
  await until(async () => deepStrictEqual(await ben.counts(), { geo: 1, draw: 2 }))
  deepStrictEqual(await ada.counts(), { geo: 1, draw: 1 })
  const json = JSON.stringify(await at.ask('GET', '/stage/json'))
  const mine = (await ada.shapes()).map(({ id }) => id)
  const bens = (await ben.shapes()).map(({ id }) => id).filter((id) => !mine.includes(id))
  for (const id of mine) ok(json.includes(id), `${id} was drawn by an editor`)
  for (const id of bens) ok(!json.includes(id), `${id} was drawn by a viewer`)
  deepStrictEqual(
    ben.asked.filter((address) => address.includes(secret) && !address.includes('#')),
    [],
    'an invite goes into no address'
  )

  t.diagnostic('an invite for one is for one')
  const cleo = await at.visit('Cleo', 'stage', { hash })
  await cleo.tell()
  await cleo.page.getByRole('heading', { name: 'This invite is used up' }).waitFor()
  await cleo.picture('access-5-used-up')
  await cleo.press('Come in another way')
  await cleo.tell('red paper')
  await cleo.sees('synced')
  await sameBoard({ geo: 1, draw: 1 }, ada, cleo)
})

test('Y18: too many attempts are told how long to wait', async (t) => {
  const at = await guard(t)
  await at.room('shy', 'another port', { password: 'red paper', link_role: 'editor' })
  const mallory = await at.visit('Mallory', 'shy')
  await until(async () => {
    await mallory.tell('blue paper')
    await mallory.page.getByText(/Too many attempts. You can try again in/).waitFor({ timeout: 500 })
  })
  await mallory.page.getByRole('button', { name: /^Wait \d+ s$/ }).waitFor()
  await mallory.picture('access-6-too-many')
})

test('Y19: a session whose token expires comes back with a fresh one', async (t) => {
  const pages = await serveModules()
  t.after(() => pages.close())
  const origin = `http://${PLACES['another subdomain']}:${pages.address().port}`
  const at = await guard(t, [origin])
  const open = { rooms: { 'tokens/*': 'editor' } }
  const life = async (name, seconds) => {
    const context = await at.browser().newContext()
    t.after(() => context.close())
    const page = await context.newPage()
    let given = 0
    await page.exposeFunction('freshToken', () => {
      given += 1
      return token(name, 600, open)
    })
    await page.goto(`${origin}/`)
    const now = token(name, seconds, open)
    await page.evaluate(connect, { server: at.socket, room: 'tokens/demo', token: now })
    await page.waitForFunction(() => window.provider.synced)
    return { page, given: () => given }
  }
  const ann = await life('ann', 4)
  const ben = await life('ben', 600)
  await ann.page.evaluate(() => void window.board.set('before', 1))
  await ben.page.waitForFunction(() => window.board.get('before') === 1)
  await ann.page.waitForFunction(() => window.codes.length > 0)
  strictEqual(await ann.page.evaluate(() => window.codes[0]), 4501)
  await ann.page.waitForFunction(() => window.provider.synced)
  ok(ann.given() > 0, 'a fresh token was asked for')
  await ann.page.evaluate(() => void window.board.set('after', 2))
  await ben.page.waitForFunction(() => window.board.get('after') === 2)
  deepStrictEqual(await ben.page.evaluate(() => window.codes), [])
})
