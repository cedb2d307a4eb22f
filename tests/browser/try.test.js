// The canvas at /try in a real browser over the real server: what people at one board may expect, and that stock tldraw and the
// exporter read the same board. Everything is done with mouse, keys and fingers; pictures go to tests/out/browser.

import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Line } from './line.js'
import { launch, until } from './people.js'
import { open } from './stage.js'

const pictures = join(import.meta.dirname, '../out/browser')
const PATIENCE_MS = 20_000

let browser
before(async () => {
  browser = await launch()
})
after(() => browser?.close())

/** Somebody at the canvas, with a profile and a line of their own. */
class Painter {
  complaints = []
  asked = []

  /** `options` are those of a browser context; `line` may stand between the page's socket and the server. */
  static async enter(t, server, room, name, options = {}) {
    const painter = new Painter()
    painter.name = name
    painter.line = await Line.to(() => server.port)
    painter.context = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options })
    t.after(async () => {
      await painter.context.close()
      painter.line.close()
    })
    const page = (painter.page = await painter.context.newPage())
    if (options.line) await page.routeWebSocket(/./, options.line)
    page.on('pageerror', (error) => painter.complaints.push(String(error)))
    // A page that breaks its own security policy says so here.
    page.on('console', (message) => {
      if (message.type() === 'error' && !/WebSocket connection/.test(message.text())) painter.complaints.push(message.text())
    })
    page.on('request', (request) => painter.asked.push(request.url()))
    page.on('websocket', (socket) => painter.asked.push(socket.url()))
    await page.goto(`http://127.0.0.1:${painter.line.port}/try/${room}`)
    await painter.sees(options.light ?? 'saved')
    await painter.rename(name)
    return painter
  }

  sees(light) {
    return this.page.waitForSelector(`.light[data-light=${light}]`, { timeout: PATIENCE_MS })
  }

  async rename(name) {
    await this.page.click('.face.me')
    await this.page.fill('#my-name', name)
    await this.page.keyboard.press('Enter')
  }

  style(name, choice) {
    return this.page.click(`.styles [data-${name}="${choice}"]`)
  }

  press(...keys) {
    return keys.reduce((before, key) => before.then(() => this.page.keyboard.press(key)), Promise.resolve())
  }

  async drag(from, ...points) {
    await this.page.mouse.move(...from)
    await this.page.mouse.down()
    for (const [x, y] of points) await this.page.mouse.move(x, y, { steps: 8 })
    await this.page.mouse.up()
  }

  async draw(key, from, ...points) {
    await this.press(key)
    await this.drag(from, ...points)
    await this.press('Escape', 'Escape')
  }

  async write(key, [x, y], words) {
    await this.press(key)
    await this.page.mouse.click(x, y)
    await this.page.keyboard.type(words)
    await this.press('Escape', 'Escape')
  }

  /** How many shapes of each kind are drawn. */
  async counts() {
    const kinds = await this.page.$$eval('[data-shape]', (shapes) => shapes.map(({ dataset }) => dataset.shape))
    return Object.fromEntries([...new Set(kinds)].sort().map((kind) => [kind, kinds.filter((each) => each === kind).length]))
  }

  words() {
    return this.page.$$eval('[data-shape] .words', (texts) => texts.map(({ textContent }) => textContent).sort())
  }

  /** The picture itself: what is drawn and where. */
  drawn() {
    return this.page.$$eval('[data-shape]', (shapes) => shapes.map(({ outerHTML }) => outerHTML))
  }

  picture(title) {
    return this.page.screenshot({ path: join(pictures, `try-${title}-${this.name}.png`) })
  }

  stayedHome() {
    const home = `127.0.0.1:${this.line.port}/`
    const strays = this.asked.filter((url) => !/^(data|blob):/.test(url) && !url.replace(/^\w+:\/\//, '').startsWith(home))
    deepStrictEqual(strays, [], `${this.name} asked elsewhere`)
    deepStrictEqual(this.complaints, [], `in the page of ${this.name}`)
  }
}

const sameCounts = (counts, ...painters) =>
  until(async () => {
    for (const painter of painters) deepStrictEqual(await painter.counts(), counts, `on the board of ${painter.name}`)
  })

test('two people draw and write, see each other, and each takes back only what they did', async (t) => {
  const { server } = await open(t)
  const ada = await Painter.enter(t, server, 'plans/spring', 'Ada')
  const ben = await Painter.enter(t, server, 'plans/spring', 'Ben', { colorScheme: 'dark' })
  await ada.picture('1-empty')

  t.diagnostic('each draws, both see it')
  await ada.style('color', 'blue')
  await ada.draw('p', [150, 200], [220, 120], [300, 220], [380, 140])
  await ben.draw('r', [520, 150], [700, 270])
  await sameCounts({ draw: 1, geo: 1 }, ada, ben)
  await ada.draw('o', [760, 350], [900, 460])
  await ben.write('t', [200, 420], 'from Ben')
  await ada.write('n', [480, 500], 'to do')
  await sameCounts({ draw: 1, geo: 2, note: 1, text: 1 }, ada, ben)
  for (const painter of [ada, ben]) await until(async () => deepStrictEqual(await painter.words(), ['from Ben', 'to do']))

  t.diagnostic('each sees where the other points, and who is here')
  await ben.page.mouse.move(640, 420)
  await ada.page.waitForFunction(() => document.querySelector('.cursor span')?.textContent === 'Ben')
  await until(async () => {
    const box = await ada.page.locator('.cursor').boundingBox()
    ok(Math.hypot(box.x - 640, box.y - 420) < 4, JSON.stringify(box))
  })
  strictEqual(await ada.page.locator('.faces .face').count(), 1)
  await ada.picture('2-together')
  await ben.picture('2-together')

  t.diagnostic('undo takes back own edits, newest first, and nothing of the other')
  await ada.press('Control+z', 'Control+z', 'Control+z')
  await sameCounts({ draw: 1, geo: 1, text: 1 }, ada, ben)
  await ada.press('Control+z')
  await sameCounts({ geo: 1, text: 1 }, ada, ben)
  strictEqual(await ada.page.isDisabled('button[aria-label=Undo]'), true)
  await ada.press('Control+Shift+z', 'Control+y')
  await sameCounts({ draw: 1, geo: 2, text: 1 }, ada, ben)

  t.diagnostic('choosing, moving, resizing, copying, deleting')
  await ben.press('v', 'Escape')
  const before = (await ada.drawn()).join()
  await ben.drag([520, 200], [420, 300])
  await until(async () => ok((await ada.drawn()).join() !== before))
  await ben.press('Control+d')
  await sameCounts({ draw: 1, geo: 3, text: 1 }, ada, ben)
  await ben.press('Delete', 'Control+a')
  await sameCounts({ draw: 1, geo: 2, text: 1 }, ada, ben)
  await ben.press('ArrowRight', 'Delete')
  await sameCounts({}, ada, ben)
  await ben.press('Control+z')
  await sameCounts({ draw: 1, geo: 2, text: 1 }, ada, ben)

  t.diagnostic('a reload keeps everything')
  await ada.sees('saved')
  await ben.sees('saved')
  await until(async () => deepStrictEqual((await ada.drawn()).length, (await ben.drawn()).length))
  const drawn = await ada.drawn()
  await ada.page.reload()
  await ada.sees('saved')
  await sameCounts({ draw: 1, geo: 2, text: 1 }, ada)
  deepStrictEqual(await ada.drawn(), drawn)
  ada.stayedHome()
  ben.stayedHome()
})

test('tldraw shows what was drawn here, we show what tldraw draws, and the exporter draws both', async (t) => {
  const { server, enter, allWell } = await open(t)
  const ada = await Painter.enter(t, server, 'shared', 'Ada')
  const people = ada.page

  t.diagnostic('one of everything, in several styles')
  await ada.style('color', 'violet')
  await ada.draw('p', [150, 200], [220, 120], [300, 220], [380, 140])
  await ada.style('dash', 'dashed')
  await ada.style('size', 'xl')
  await ada.style('fill', 'pattern')
  await ada.draw('p', [120, 600], [220, 560], [280, 660], [180, 700], [122, 602])
  await ada.style('dash', 'draw')
  await ada.style('size', 'l')
  await ada.style('fill', 'solid')
  await ada.draw('r', [520, 140], [720, 260])
  await people.mouse.dblclick(620, 200)
  await people.keyboard.type('a label that is\nlonger than its shape is wide')
  await ada.press('Escape', 'Escape')
  await ada.style('dash', 'dotted')
  await ada.style('fill', 'fill')
  await ada.draw('o', [780, 420], [920, 520])
  await ada.draw('a', [620, 200], [850, 470])
  await ada.style('font', 'serif')
  await ada.write('t', [160, 380], 'two\nlines')
  await ada.style('font', 'draw')
  await ada.style('color', 'yellow')
  await ada.write('n', [460, 520], 'a note with anextraordinarilylongword')
  await ada.sees('saved')
  await sameCounts({ arrow: 1, draw: 2, geo: 2, note: 1, text: 1 }, ada)

  t.diagnostic('stock tldraw takes all of it, which means that it found every record right')
  const tess = await enter('shared', 'Tess')
  await until(async () => deepStrictEqual(await tess.counts(), { arrow: 1, draw: 2, geo: 2, note: 1, text: 1 }))
  const ours = await tess.board()
  const bindings = Object.values(ours).filter(({ typeName }) => typeName === 'binding')
  deepStrictEqual(bindings.map(({ props }) => props.terminal).sort(), ['end', 'start'])
  // The arrow is tied to both: here and there it ends where the ellipse begins.
  const theirs = await tess.page.evaluate(() => {
    const arrow = window.editor.getCurrentPageShapes().find(({ type }) => type === 'arrow')
    const { maxX, maxY } = window.editor.getShapePageBounds(arrow.id)
    return { x: maxX, y: maxY }
  })
  const end = await people.evaluate(() => {
    const [, x, y] = /translate\(([-\d.e]+)px, ([-\d.e]+)px\)/.exec(document.querySelector('.world').style.transform)
    const { right, bottom } = document.querySelector('[data-shape=arrow] path').getBoundingClientRect()
    return { x: right - x, y: bottom - y }
  })
  ok(Math.hypot(end.x - theirs.x, end.y - theirs.y) < 6, JSON.stringify({ end, theirs }))

  t.diagnostic('what only tldraw can draw is an outline here, and stays as it is')
  await tess.page.evaluate(() => {
    const { editor } = window
    editor.createShape({ id: 'shape:frame', type: 'frame', x: 100, y: 760, props: { w: 300, h: 200, name: 'Plan' } })
    editor.createShape({ id: 'shape:cloud', type: 'geo', x: 450, y: 760, props: { geo: 'cloud', w: 160, h: 120 } })
    editor.createShape({ id: 'shape:star', type: 'geo', x: 650, y: 760, props: { geo: 'star', w: 160, h: 120 } })
    editor.createShape({ id: 'shape:image', type: 'image', x: 850, y: 760, props: { w: 200, h: 150, altText: 'a cat' } })
  })
  await sameCounts({ arrow: 1, draw: 2, foreign: 3, geo: 3, note: 1, text: 1 }, ada)
  await people.keyboard.press('Shift+Digit1')
  deepStrictEqual(await people.$$eval('.kind', (kinds) => kinds.map(({ textContent }) => textContent)), ['frame: Plan', 'cloud', 'image: a cat'])
  await ada.picture('3-shared')
  await tess.page.evaluate(() => void window.editor.zoomToFit())
  await tess.picture('try-3-shared')
  await ada.press('v', 'Control+a', 'Delete')
  await sameCounts({ foreign: 3 }, ada)
  await until(async () => deepStrictEqual(await tess.counts(), { frame: 1, geo: 1, image: 1 }))
  await ada.press('Control+z')
  await until(async () => deepStrictEqual(await tess.counts(), { arrow: 1, draw: 2, frame: 1, geo: 4, image: 1, note: 1, text: 1 }))
  for (const [id, record] of Object.entries(ours)) deepStrictEqual((await tess.board())[id], record)

  t.diagnostic('the exporter reads all of it')
  await ada.sees('saved')
  const file = join(pictures, 'try-3-export.png')
  const { code, stderr } = await server.command('export', 'room:shared', '-o', file)
  strictEqual(code, 0, stderr)
  ok(!/cannot be read/.test(stderr), stderr)
  ok(readFileSync(file).length > 10_000)
  ada.stayedHome()
  allWell()
})

test('what is drawn without a line is told, kept, and sent when it is back; a killed server loses nothing', async (t) => {
  const { server } = await open(t)
  const ada = await Painter.enter(t, server, 'offline', 'Ada')
  const ben = await Painter.enter(t, server, 'offline', 'Ben')

  ada.line.cut()
  await ada.sees('offline')
  await ada.draw('r', [300, 200], [500, 320])
  await ben.draw('o', [600, 200], [760, 320])
  await ada.page.waitForSelector('.notice:not([hidden])')
  ok(/kept here/.test(await ada.page.textContent('.notice')))
  await ada.picture('4-offline')
  deepStrictEqual(await ben.counts(), { geo: 1 })
  ada.line.mend()
  await ada.page.click('.notice button')
  await ada.sees('saved')
  await sameCounts({ geo: 2 }, ada, ben)

  t.diagnostic('the server is killed in mid-stroke')
  await ada.press('p')
  await ada.page.mouse.move(200, 500)
  await ada.page.mouse.down()
  await ada.page.mouse.move(400, 560, { steps: 12 })
  await sameCounts({ draw: 1, geo: 2 }, ada, ben)
  await server.kill()
  await ada.sees('offline')
  await ada.page.mouse.move(600, 480, { steps: 12 })
  await ada.page.mouse.up()
  await server.start()
  await ada.sees('saved')
  await ben.sees('saved')
  await until(async () => deepStrictEqual(await ben.drawn(), await ada.drawn()))
  const drawn = await ada.drawn()

  t.diagnostic('and what the light called saved is on the disk')
  await ada.context.close()
  await ben.context.close()
  await server.kill()
  await server.start()
  const cleo = await Painter.enter(t, server, 'offline', 'Cleo')
  await sameCounts({ draw: 1, geo: 2 }, cleo)
  deepStrictEqual((await cleo.drawn()).sort(), drawn.sort())
})

test('fingers draw, pinch and pan on a phone, and keys alone are enough to draw with', async (t) => {
  const { server } = await open(t)
  const phone = { viewport: { width: 390, height: 760 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 }
  const ada = await Painter.enter(t, server, 'phone', 'Ada', phone)
  const fingers = await ada.context.newCDPSession(ada.page)
  const touch = (type, ...points) => fingers.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) })

  await ada.page.tap('[data-tool=pen]')
  await touch('touchStart', [80, 300])
  for (let x = 90; x <= 300; x += 15) await touch('touchMove', [x, 300 + 40 * Math.sin(x / 20)])
  await touch('touchEnd')
  await sameCounts({ draw: 1 }, ada)

  const transform = () => ada.page.evaluate(() => document.querySelector('.world').style.transform)
  const before = await transform()
  await touch('touchStart', [150, 400], [250, 400])
  for (let i = 1; i <= 10; i++) await touch('touchMove', [150 - i * 5, 400], [250 + i * 5, 400])
  await touch('touchEnd')
  await until(async () => ok(/scale\(1\.[5-9]|scale\(2/.test(await transform()), `${before} -> ${await transform()}`))
  await sameCounts({ draw: 1 }, ada)

  // The finger that was down first has drawn nothing that anybody could undo or redo.
  strictEqual(await ada.page.isDisabled('button[aria-label=Redo]'), true)

  await ada.page.tap('.swatch-button')
  await ada.page.tap('.styles [data-color=red]')
  await ada.picture('5-styles')
  await ada.page.tap('.swatch-button')
  await ada.page.tap('[data-tool=note]')
  await ada.page.touchscreen.tap(200, 480)
  await ada.page.keyboard.type('Buy milk')
  await ada.page.tap('[data-tool=select]')
  await sameCounts({ draw: 1, note: 1 }, ada)
  await until(async () => deepStrictEqual(await ada.words(), ['Buy milk']))
  await ada.picture('5-phone')

  ada.stayedHome()

  t.diagnostic('keys alone')
  const kim = await Painter.enter(t, server, 'keys', 'Kim')
  const told = () => kim.page.textContent('.unseen')
  await kim.page.focus('.face.me')
  await kim.press('Shift+Tab')
  strictEqual(await kim.page.evaluate(() => document.activeElement.className), 'stage ringed')
  await kim.press('r', 'Enter')
  strictEqual(await told(), 'Rectangle, 1 of 1')
  const box = () => kim.page.locator('[data-shape=geo]').first().boundingBox()
  const made = await box()
  await kim.press('Control+ArrowRight', 'Shift+ArrowLeft')
  await until(async () => {
    const now = await box()
    deepStrictEqual([Math.round(now.width - made.width), Math.round(now.x - made.x)], [10, -10])
  })
  await kim.press('Enter')
  await kim.page.keyboard.type('by keys')
  await kim.press('Escape', 'a', 'Enter', 'n', 'Enter')
  await kim.page.keyboard.type('note')
  await kim.press('Escape', 'Escape')
  await sameCounts({ arrow: 1, geo: 1, note: 1 }, kim)
  await kim.press('Enter')
  strictEqual(await told(), 'Rectangle: by keys, 1 of 3')
  await kim.press('Tab', 'Tab')
  strictEqual(await told(), 'Sticky note: note, 3 of 3')
  await kim.press('Shift+Tab')
  strictEqual(await told(), 'Arrow, 2 of 3')
  // Past the last one the tab key leads on to the bars.
  await kim.press('Tab', 'Tab')
  ok(await kim.page.evaluate(() => document.activeElement.matches('button')))

  t.diagnostic('Escape closes the list of keys, and the letters of a dialog take no tools')
  await kim.page.getByRole('button', { name: 'Keys' }).click()
  await kim.press('p', 'Escape')
  strictEqual(await kim.page.locator('dialog[open]').count(), 0)
  strictEqual(await kim.page.getAttribute('[data-tool=select]', 'aria-pressed'), 'true')

  t.diagnostic('the board is saved as a file, with what was drawn last')
  await kim.draw('p', [200, 300], [400, 350])
  await kim.page.getByRole('button', { name: 'Save as a file' }).click()
  const down = kim.page.waitForEvent('download')
  await kim.page.getByRole('button', { name: 'SVG' }).click()
  const file = await down
  strictEqual(file.suggestedFilename(), 'keys.svg')
  ok(readFileSync(await file.path(), 'utf8').includes('<svg'))
  await kim.page.getByRole('link', { name: 'Save the SVG again' }).waitFor()
  await kim.picture('7-file')
  await kim.press('Escape')
  kim.stayedHome()

  // The bars can be walked through with the tab and arrow keys, and every button says what it does.
  const unnamed = await ada.page.$$eval('button', (buttons) => buttons.filter((each) => !(each.getAttribute('aria-label') ?? each.textContent).trim()).length)
  strictEqual(unnamed, 0)
  await ada.page.focus('[data-tool=select]')
  await ada.press('ArrowRight', 'ArrowRight')
  strictEqual(await ada.page.evaluate(() => document.activeElement.dataset.tool), 'pen')
})

test('two windows of one browser are two people', async (t) => {
  const { server } = await open(t)
  const context = await browser.newContext()
  t.after(() => context.close())
  const pages = []
  for (const _ of [1, 2]) {
    const page = await context.newPage()
    await page.goto(`http://127.0.0.1:${server.port}/try/hello`)
    await page.waitForSelector('.light[data-light=saved]', { timeout: PATIENCE_MS })
    pages.push(page)
  }
  const looks = (page) => page.$eval('.face.me', (face) => [face.title, face.style.getPropertyValue('--color')])
  await until(async () => {
    const [one, other] = await Promise.all(pages.map(looks))
    ok(one[0] !== other[0] && one[1] !== other[1], JSON.stringify([one, other]))
    strictEqual(`${await pages[1].getAttribute('.faces .face', 'title')}`, one[0].replace(' (you)', ': go there'))
  })
})

test('who may only look, and who may not come in, is told so', async (t) => {
  const { server } = await open(t)
  // What the server says to a viewer who has drawn something, and to somebody without access.
  const line = (socket) => {
    const far = socket.connectToServer()
    socket.onMessage((message) => {
      const [kind, step] = message
      if (kind === 0 && step === 2) socket.send(Buffer.from([2, 0, 2, 0x6e, 0x6f]))
      else far.send(message)
    })
  }
  const ada = await Painter.enter(t, server, 'looking', 'Ada', { line })
  await ada.draw('p', [200, 300], [400, 350])
  await ada.sees('looking')
  await ada.page.waitForSelector('.notice:not([hidden])')
  strictEqual(await ada.page.isDisabled('[data-tool=pen]'), true)
  await ada.picture('6-looking')

  const closed = (socket) => socket.close({ code: 4403, reason: 'this room is private' })
  const ben = await Painter.enter(t, server, 'private', 'Ben', { line: closed, light: 'refused', colorScheme: 'dark' })
  ok((await ben.page.textContent('.notice')).startsWith('The server says: this room is private.'))
  strictEqual(await ben.page.getAttribute('.notice a', 'href'), '/join/private')
  await ben.draw('p', [200, 300], [400, 350])
  deepStrictEqual(await ben.counts(), {})
  await ben.picture('6-refused')

  // A line that breaks before anything came.
  const mute = (socket) => {
    socket.connectToServer().onMessage(() => {})
    setTimeout(() => socket.close({ code: 1011 }), 100)
  }
  const eve = await Painter.enter(t, server, 'nowhere', 'Eve', { line: mute, light: 'connecting' })
  await eve.page.locator('.notice', { hasText: 'The server does not answer, or takes no pages of this address' }).waitFor()
})
