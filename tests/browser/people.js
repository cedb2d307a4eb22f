// People at the board: each a fresh browser profile with one page, their hands, and what they see.
// Knows the editor only by what an application could ask of it (`window.editor`).

import { deepStrictEqual, ok } from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

export const pictures = join(import.meta.dirname, '../out/browser')
const PATIENCE_MS = 20_000

/** The browser that CHROME names, with everything switched off by which it would call home. */
export function launch() {
  mkdirSync(pictures, { recursive: true })
  return chromium.launch({
    executablePath: process.env.CHROME ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // Names of sites that are all this machine.
      '--host-resolver-rules=MAP *.test 127.0.0.1',
    ],
  })
}

/** Tries again until `check` no longer throws; its last complaint is the failure. */
export async function until(check) {
  const end = Date.now() + PATIENCE_MS
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (Date.now() > end) throw error
      await new Promise((soon) => setTimeout(soon, 50))
    }
  }
}

export class Person {
  /** Every address that the page asked for, WebSockets included. */
  asked = []
  /** What went wrong in the page. A test that leaves something here has failed. */
  complaints = []

  #files

  constructor(name, line, files) {
    this.name = name
    this.line = line
    this.#files = files
  }

  /** Opens `room` in a profile of its own, and waits until the page says that it is synced. */
  async open(browser, room, color) {
    this.context = await browser.newContext({ viewport: { width: 1000, height: 700 } })
    this.page = await this.context.newPage()
    this.page.on('request', (request) => this.asked.push(request.url()))
    this.page.on('websocket', (socket) => this.asked.push(socket.url()))
    this.page.on('pageerror', (error) => this.complaints.push(String(error)))
    const query = new URLSearchParams({ room, name: this.name, color, server: this.#server() })
    await this.page.goto(`${this.#origin()}/?${query}`)
    await this.sees('synced')
  }

  #origin = () => `http://127.0.0.1:${this.#files.address().port}`
  #server = () => `ws://127.0.0.1:${this.line.port}`

  async sees(link) {
    await this.page.waitForSelector(`.badge[data-link=${link}]`, { timeout: PATIENCE_MS })
    if (link === 'synced') await this.page.waitForFunction(() => window.editor !== undefined)
  }

  async reload() {
    await this.page.reload()
    await this.sees('synced')
  }

  /** The board as stored: every document record, by id. */
  board() {
    return this.page.evaluate(() => window.editor.store.serialize('document'))
  }

  async shapes() {
    return Object.values(await this.board())
      .filter(({ typeName }) => typeName === 'shape')
      .sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** How many shapes of each type stand on the board. */
  async counts() {
    const counts = {}
    for (const { type } of await this.shapes()) counts[type] = (counts[type] ?? 0) + 1
    return counts
  }

  /** The other people that the editor draws, as name -> cursor on the page. */
  async others() {
    return this.page.evaluate(() =>
      Object.fromEntries(
        window.editor.getCollaboratorsOnCurrentPage().map(({ userName, cursor }) => [
          userName,
          cursor && { x: Math.round(cursor.x), y: Math.round(cursor.y) },
        ])
      )
    )
  }

  /** Where this person's own pointer is on the page. */
  pointer() {
    return this.page.evaluate(() => {
      const { x, y } = window.editor.inputs.getCurrentPagePoint()
      return { x: Math.round(x), y: Math.round(y) }
    })
  }

  /** Takes a tool by its key. */
  async take(key) {
    await this.page.keyboard.press(key)
  }

  /** Moves the mouse through `points`, in steps as a hand would. */
  async move(...points) {
    for (const [x, y] of points) await this.page.mouse.move(x, y, { steps: 6 })
  }

  async drag(from, ...points) {
    await this.move(from)
    await this.page.mouse.down()
    await this.move(...points)
    await this.page.mouse.up()
  }

  async stroke(from, ...points) {
    await this.take('d')
    await this.drag(from, ...points)
  }

  async rectangle(from, to) {
    await this.take('r')
    await this.drag(from, to)
    // Drops the selection, whose handles would take the next drag.
    await this.take('Escape')
  }

  async text(at, words) {
    await this.take('t')
    await this.page.mouse.click(...at)
    await this.page.waitForSelector('.tl-rich-text [contenteditable=true]')
    await this.page.keyboard.type(words)
    await this.take('Escape')
    await this.take('Escape')
  }

  /** The page talked to its own origin and to its line to the server, and to nobody else. */
  stayedHome() {
    const home = [`${this.#origin()}/`, `${this.#server()}/`, `${this.#server().replace('ws', 'http')}/api/`]
    const strays = this.asked.filter(
      (url) => !/^(data|blob):/.test(url) && !home.some((start) => url.startsWith(start))
    )
    deepStrictEqual(strays, [], `${this.name} asked elsewhere`)
    ok(this.asked.some((url) => url.startsWith('ws:')), 'a socket must have been recorded')
    deepStrictEqual(this.complaints, [], `in the page of ${this.name}`)
  }

  async picture(title) {
    await this.page.screenshot({ path: join(pictures, `${title}-${this.name}.png`) })
  }

  async leave() {
    await this.context?.close()
  }
}

/** Waits until all of them hold the same board and it has these shapes. */
export async function sameBoard(counts, ...people) {
  await until(async () => {
    deepStrictEqual(await people[0].counts(), counts, `on the board of ${people[0].name}`)
    const board = await people[0].board()
    for (const other of people.slice(1)) {
      deepStrictEqual(await other.board(), board, `${other.name} and ${people[0].name}`)
    }
  })
}

/** Waits until `watcher` sees the cursor of `mover` exactly where it is. */
export async function seesCursor(watcher, mover) {
  await until(async () => {
    deepStrictEqual((await watcher.others())[mover.name], await mover.pointer())
  })
}
