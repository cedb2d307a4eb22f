// Stock tldraw in a real browser over the real server: what two people at one board may expect.
// Knows nothing of the protocol; everything is done with mouse and keyboard and judged by what
// the pages hold. Pictures of what they show go to tests/out/browser.

import { deepStrictEqual, notDeepStrictEqual, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { sameBoard, seesCursor, until } from './people.js'
import { open } from './stage.js'

test('two people draw through a cut line and a killed server, a third sees it all', async (t) => {
  const { server, enter, allWell } = await open(t)
  const ada = await enter('drawing', 'Ada', '#e16919')
  const ben = await enter('drawing', 'Ben', '#4465e9')

  t.diagnostic('each draws, both see it')
  await ada.stroke([150, 150], [250, 250], [350, 150], [420, 260])
  await ben.rectangle([520, 140], [700, 260])
  await ada.text([180, 330], 'hello Ben')
  await sameBoard({ draw: 1, geo: 1, text: 1 }, ada, ben)

  t.diagnostic('each sees where the other points')
  await ada.move([450, 330])
  await ben.move([320, 400])
  await seesCursor(ben, ada)
  await seesCursor(ada, ben)
  await ada.picture('1-together')
  await ben.picture('1-together')

  t.diagnostic('one goes offline, both draw, and neither hears the other')
  ben.line.cut()
  await ben.sees('offline')
  await until(async () => deepStrictEqual(await ada.others(), {}))
  await ben.rectangle([520, 330], [620, 400])
  await ben.stroke([650, 330], [700, 400], [740, 330])
  await ada.stroke([150, 420], [300, 470], [420, 420])
  await until(async () => deepStrictEqual(await ben.counts(), { draw: 2, geo: 2, text: 1 }))
  deepStrictEqual(await ada.counts(), { draw: 2, geo: 1, text: 1 })
  await ben.picture('2-offline')

  t.diagnostic('the line is mended and the boards merge')
  ben.line.mend()
  await ben.sees('synced')
  await sameBoard({ draw: 3, geo: 2, text: 1 }, ada, ben)
  // Both have to see each other before they move: tldraw notes no pointer while nobody watches.
  for (const person of [ada, ben]) {
    await until(async () => strictEqual(Object.keys(await person.others()).length, 1))
  }
  await ben.move([560, 480])
  await ada.move([440, 460])
  await seesCursor(ada, ben)
  await seesCursor(ben, ada)

  t.diagnostic('the server is killed in mid-stroke')
  await ada.take('d')
  await ada.move([150, 560])
  await ada.page.mouse.down()
  await ada.move([230, 520], [300, 600])
  await sameBoard({ draw: 4, geo: 2, text: 1 }, ada, ben)
  await server.kill()
  await ada.move([380, 520], [460, 600])
  await ada.sees('offline')
  await ben.sees('offline')
  await until(async () => notDeepStrictEqual(await ada.board(), await ben.board()))
  await ada.picture('3-server-dead')

  t.diagnostic('it is started again, and the stroke is finished')
  await server.start()
  await ada.move([540, 520], [620, 600])
  await ada.page.mouse.up()
  await ada.sees('synced')
  await ben.sees('synced')
  await sameBoard({ draw: 4, geo: 2, text: 1 }, ada, ben)
  await until(async () => strictEqual(Object.keys(await ada.others()).length, 1))
  await ada.move([700, 500])
  await seesCursor(ben, ada)

  t.diagnostic('a third browser shows the same board')
  const cleo = await enter('drawing', 'Cleo', '#099268')
  await sameBoard({ draw: 4, geo: 2, text: 1 }, ada, ben, cleo)
  await until(async () => strictEqual(Object.keys(await cleo.others()).length, 2))
  await cleo.move([600, 450])
  await seesCursor(ada, cleo)
  for (const person of [ada, ben, cleo]) await person.picture('4-all')
  allWell()
})

test('a reload keeps the board, and so does a server that was stopped and started', async (t) => {
  const { server, enter, allWell } = await open(t)
  const ada = await enter('keeping', 'Ada', '#e16919')
  await ada.rectangle([200, 150], [400, 300])
  await ada.stroke([450, 300], [550, 150], [650, 300])
  const ben = await enter('keeping', 'Ben')
  await sameBoard({ draw: 1, geo: 1 }, ada, ben)
  const drawn = await ada.shapes()

  await ada.reload()
  deepStrictEqual(await ada.shapes(), drawn)

  // Nobody is left who could hand the board back: what comes now comes from the disk.
  await ada.leave()
  await ben.leave()
  strictEqual(await server.stop(), 0)
  await server.start()
  const cleo = await enter('keeping', 'Cleo')
  deepStrictEqual(await cleo.shapes(), drawn)
  await cleo.picture('5-from-disk')
  allWell()
})

test('two who come first at once write one page, not two', async (t) => {
  const { enter, allWell } = await open(t)
  const [ada, ben] = await Promise.all([enter('empty', 'Ada'), enter('empty', 'Ben')])
  await sameBoard({}, ada, ben)
  const board = Object.values(await ada.board())
  deepStrictEqual(
    board.filter(({ typeName }) => typeName === 'page').map(({ id }) => id),
    ['page:page']
  )
  allWell()
})
