// A version is put back while people are at the board: stock tldraw shows it at once, and what they draw afterwards stays.

import { deepStrictEqual, match, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { sameBoard } from './people.js'
import { open } from './stage.js'

test('V4: the board of before is back for everybody at once', async (t) => {
  const { server, enter, allWell } = await open(t)
  const ada = await enter('history', 'Ada', '#e16919')
  const ben = await enter('history', 'Ben', '#4465e9')
  await ada.rectangle([200, 150], [400, 300])
  await ben.stroke([450, 300], [550, 150], [650, 300])
  await ada.text([180, 450], 'keep me')
  await sameBoard({ geo: 1, draw: 1, text: 1 }, ada, ben)
  const wanted = await ada.shapes()
  await ada.picture('history-1-wanted')
  const kept = await server.command('room', 'keep', 'history', '--label', 'wanted')
  strictEqual(kept.code, 0, kept.stderr)
  const [, version] = /^version (\d+) /.exec(kept.stdout)

  t.diagnostic('Ben deletes everything and scribbles')
  await ben.page.keyboard.press('Escape')
  await ben.page.keyboard.press('Control+a')
  await ben.page.keyboard.press('Delete')
  await ben.stroke([200, 200], [300, 400], [420, 210])
  await ben.stroke([500, 200], [600, 400], [720, 210])
  await sameBoard({ draw: 2 }, ada, ben)
  await ada.picture('history-2-scribbled')

  t.diagnostic('the version is put back')
  const restored = await server.command('room', 'restore', 'history', version)
  strictEqual(restored.code, 0, restored.stderr)
  match(restored.stdout, /shows version \d+ again/)
  await sameBoard({ geo: 1, draw: 1, text: 1 }, ada, ben)
  deepStrictEqual(await ada.shapes(), wanted)
  await ada.picture('history-3-restored')

  t.diagnostic('and they go on')
  await ben.rectangle([500, 420], [620, 520])
  await sameBoard({ geo: 2, draw: 1, text: 1 }, ada, ben)
  const cleo = await enter('history', 'Cleo')
  await sameBoard({ geo: 2, draw: 1, text: 1 }, ada, ben, cleo)
  await cleo.picture('history-4-later')
  allWell()
})
