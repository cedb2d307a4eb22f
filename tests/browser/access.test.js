// A room with a password, in a real browser over real origins: the join page lets people in, and the
// example connects with nothing in it that knows of passwords.

import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { guard, PLACES } from './guests.js'
import { sameBoard, until } from './people.js'

const WAYS = [
  ['another port', 'cookie'],
  ['another subdomain', 'cookie'],
  ['another port', 'link'],
  ['another subdomain', 'link'],
  ['another site', 'link'],
]

test('Y13: a password opens the board, and the example on other origins connects unchanged', async (t) => {
  const at = await guard(t)
  for (const [number, [place, via]] of WAYS.entries()) {
    t.diagnostic(`${place} by ${via}`)
    const room = `plans/${number}`
    await at.room(room, place, { password: 'red paper', link_role: 'editor' })
    const ada = await at.visit('Ada', room, { via })
    await ada.tell('blue paper')
    await ada.says('That is not the password')
    if (number === 0) await ada.picture('access-1-wrong')
    await ada.tell('red paper')
    await ada.sees('synced')
    await ada.rectangle([200, 150], [400, 300])

    const ben = await at.visit('Ben', room, { via })
    await ben.tell('red paper')
    await ben.sees('synced')
    await sameBoard({ geo: 1 }, ada, ben)
    await ben.stroke([450, 300], [550, 150], [650, 300])
    await sameBoard({ geo: 1, draw: 1 }, ada, ben)
    if (number === 0) await ben.picture('access-2-in')

    for (const guest of [ada, ben]) {
      deepStrictEqual(guest.complaints, [])
      ok(new URL(guest.page.url()).host.startsWith(PLACES[place]))
      const carries = /~g[\w-]{22}/.test(guest.page.url())
      strictEqual(carries, via === 'link', guest.page.url())
      deepStrictEqual(guest.asked.filter((url) => url.includes('paper')), [])
      await guest.leave()
    }
  }
})

test('Y14: a link gets into no document', async (t) => {
  const at = await guard(t)
  await at.room('quiet', 'another site', { password: 'red paper', link_role: 'editor' })
  const ada = await at.visit('Ada', 'quiet')
  await ada.tell('red paper')
  await ada.sees('synced')
  await ada.rectangle([200, 150], [400, 300])
  const secret = /~g([\w-]{22})/.exec(ada.page.url())[1]
  await until(async () => {
    const json = JSON.stringify(await at.ask('GET', '/quiet/json'))
    match(json, /"geo"/)
    ok(!json.includes(secret), 'the link stands in the document')
  })
})

test('Y15: a cookie is nothing on another site', async (t) => {
  const at = await guard(t)
  await at.room('far', 'another site', { password: 'red paper', link_role: 'editor' })
  const ada = await at.visit('Ada', 'far', { via: 'cookie' })
  await ada.tell('red paper')
  await ada.sees('refused')
})
