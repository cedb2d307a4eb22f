// Stock Excalidraw, Tiptap and CodeMirror in a real browser over the real server, as examples/ has them. Everything is done with
// mouse and keyboard and judged by what the pages show. Pictures go to tests/out/browser.

import { deepStrictEqual, match, notStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { Person, until } from './people.js'
import { open } from './stage.js'

/** Somebody on one of these pages, which say in their corner how the connection is. */
class Visitor extends Person {
  async sees(link) {
    const shown = link === 'synced' ? 'connected' : link
    await this.page.waitForSelector(`body[data-link=${shown}]`, { timeout: 20_000 })
  }
}

/** Somebody who writes. */
class Writer extends Visitor {
  get text() {
    return this.page.locator('[contenteditable=true]')
  }

  async writes(words) {
    await this.text.click()
    await this.page.keyboard.press('Control+End')
    await this.page.keyboard.type(words)
  }

  /** What is written, without the names at the carets. */
  reads() {
    return this.text.evaluate((shown) => {
      const copy = shown.cloneNode(true)
      copy.querySelectorAll('[class*=caret], .cm-ySelectionCaret').forEach((caret) => caret.remove())
      return copy.textContent
    })
  }
}

/** Waits until all read the same, and each of `words` is in it once. */
async function sameText(words, ...people) {
  await until(async () => {
    const read = await people[0].reads()
    for (const word of words) strictEqual(read.split(word).length, 2, `${word} in ${read}`)
    for (const other of people.slice(1)) strictEqual(await other.reads(), read, other.name)
  })
}

const labels = { codemirror: '.cm-ySelectionInfo', tiptap: '.collaboration-carets__label' }

for (const [example, label] of Object.entries(labels)) {
  test(`${example}: two people write through a killed server, a third reads it all`, async (t) => {
    const { server, enter, allWell } = await open(t, example, Writer)
    const ada = await enter('writing', 'Ada', '#e16919')
    const ben = await enter('writing', 'Ben', '#4465e9')
    const names = (person) => person.page.locator(label).allTextContents()

    t.diagnostic('each writes, both read it, and see whose caret is where')
    await ada.writes('apples ')
    await sameText(['apples'], ada, ben)
    await ben.writes('bananas ')
    await sameText(['apples', 'bananas'], ada, ben)
    await until(async () => deepStrictEqual(await names(ada), ['Ben']))
    await ada.text.click()
    await until(async () => deepStrictEqual(await names(ben), ['Ada']))
    await ada.picture(`${example}-1-together`)

    t.diagnostic('undo takes back only what oneself wrote')
    await ben.text.click()
    for (let more = 0; more < 5; more++) await ben.page.keyboard.press('Control+z')
    await until(async () => strictEqual((await ben.reads()).includes('bananas'), false))
    await sameText(['apples'], ada, ben)

    t.diagnostic('a reload keeps it')
    await ben.reload()
    await sameText(['apples'], ada, ben)

    t.diagnostic('the server is killed, and both go on writing')
    await ada.writes('cherries ')
    await sameText(['apples', 'cherries'], ada, ben)
    await server.kill()
    for (const person of [ada, ben]) await person.page.waitForSelector('body:not([data-link=connected])')
    await ada.writes('dates ')
    await ben.writes('elderberries ')
    notStrictEqual(await ada.reads(), await ben.reads())
    await ben.picture(`${example}-2-server-dead`)

    t.diagnostic('it is started again')
    await server.start()
    const all = ['apples', 'cherries', 'dates', 'elderberries']
    await sameText(all, ada, ben)
    await Promise.all([ada, ben].map((person) => person.sees('synced')))
    const cleo = await enter('writing', 'Cleo', '#099268')
    await sameText(all, ada, ben, cleo)
    await cleo.picture(`${example}-3-all`)
    allWell()
  })
}

/** Somebody who draws. Looks at the canvas: two who see the same have the same pixels on it. */
class Painter extends Visitor {
  async sees(link) {
    await super.sees(link)
    if (link === 'synced') await this.page.waitForSelector('canvas.interactive:focus, .excalidraw:focus')
  }

  async draws(key, from, to) {
    await this.take(key)
    await this.drag(from, to)
    // Drops the selection, whose handles would take the next drag.
    await this.take('Escape')
  }

  /** The drawing as the canvas shows it, and how much of it is ink around a place of the page. */
  shown() {
    return this.page.evaluate(() => document.querySelector('canvas.static').toDataURL())
  }

  ink(canvas, [x, y]) {
    return this.page.evaluate(
      ([canvas, x, y]) => {
        const board = document.querySelector(`canvas.${canvas}`)
        const { data } = board.getContext('2d').getImageData(x - 12, y - 12, 60, 60)
        let ink = 0
        for (let at = 0; at < data.length; at += 4) {
          const dark = data[at] < 240 || data[at + 1] < 240 || data[at + 2] < 240
          if (data[at + 3] > 0 && dark) ink++
        }
        return ink
      },
      [canvas, x, y]
    )
  }
}

/** Waits until all see the same, with something drawn at each of `places`. */
async function sameDrawing(places, ...people) {
  await until(async () => {
    const first = await people[0].shown()
    for (const place of places) ok((await people[0].ink('static', place)) > 20, `nothing drawn at ${place}`)
    for (const other of people.slice(1)) ok((await other.shown()) === first, `${other.name} sees something else`)
  })
}

test('excalidraw: two people draw through a killed server, a third sees it all', async (t) => {
  const { server, enter, allWell } = await open(t, 'excalidraw', Painter)
  const ada = await enter('drawing', 'Ada')
  const ben = await enter('drawing', 'Ben')

  t.diagnostic('each draws, both see it')
  await ada.draws('r', [300, 150], [420, 250])
  await sameDrawing([[300, 150]], ada, ben)
  await ben.draws('r', [500, 150], [620, 250])
  await sameDrawing([[300, 150], [500, 150]], ada, ben)

  t.diagnostic('each sees who is there, and where the other points')
  await ada.move([700, 500])
  await until(async () => ok((await ben.ink('interactive', [700, 500])) > 100))
  await ben.move([400, 540])
  await until(async () => ok((await ada.ink('interactive', [400, 540])) > 100))
  match(await ada.page.locator('.UserList').innerText(), /B/)
  match(await ben.page.locator('.UserList').innerText(), /A/)
  await ada.picture('excalidraw-1-together')

  t.diagnostic('undo takes back only what oneself drew')
  await ben.draws('r', [700, 150], [820, 250])
  await sameDrawing([[700, 150]], ada, ben)
  await ada.take('Control+z')
  await until(async () => strictEqual(await ben.ink('static', [300, 150]), 0))
  await sameDrawing([[500, 150], [700, 150]], ada, ben)
  await ada.take('Control+Shift+z')
  await sameDrawing([[300, 150], [500, 150], [700, 150]], ada, ben)

  t.diagnostic('a reload keeps it')
  await ben.reload()
  await sameDrawing([[300, 150], [500, 150], [700, 150]], ada, ben)

  t.diagnostic('the server is killed, and both go on drawing')
  await server.kill()
  for (const person of [ada, ben]) await person.page.waitForSelector('body:not([data-link=connected])')
  await ada.draws('r', [300, 350], [420, 450])
  await ben.draws('r', [500, 350], [620, 450])
  notStrictEqual(await ada.shown(), await ben.shown())
  await ben.picture('excalidraw-2-server-dead')

  t.diagnostic('it is started again')
  await server.start()
  const all = [[300, 150], [500, 150], [700, 150], [300, 350], [500, 350]]
  await sameDrawing(all, ada, ben)
  await Promise.all([ada, ben].map((person) => person.sees('synced')))
  const cleo = await enter('drawing', 'Cleo')
  await sameDrawing(all, ada, ben, cleo)
  await cleo.picture('excalidraw-3-all')
  allWell()
})
