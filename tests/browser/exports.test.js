// What people draw by hand in the stock example, exported by the server and by the editor itself: the same picture. Both files go to
// tests/out/browser.

import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { likeness } from './likeness.js'
import { pictures, sameBoard } from './people.js'
import { open } from './stage.js'

/** The least that a picture has to reach; 1 is alike. In each of many runs it was 1.000 and 0.996. */
const LEAST = { ink: 0.998, color: 0.99 }

/** The board as the editor would save it. */
async function byEditor(person, { scale, dark, padding }) {
  const url = await person.page.evaluate(
    async ({ scale, dark, padding }) => {
      const { editor } = window
      const options = { format: 'png', background: true, darkMode: dark, pixelRatio: 1, scale, padding }
      const { blob } = await editor.toImage([...editor.getCurrentPageShapeIds()], options)
      const reader = new FileReader()
      const read = new Promise((done) => (reader.onload = done))
      reader.readAsDataURL(blob)
      await read
      return reader.result
    },
    { scale, dark, padding: padding ?? 'auto' }
  )
  return Buffer.from(url.split(',')[1], 'base64')
}

/** The same, of the server: ordered, waited for, and fetched. */
async function byServer(port, room, wish) {
  const ordered = await fetch(`http://127.0.0.1:${port}/api/exports/${room}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', prefer: 'wait=50' },
    body: JSON.stringify({ format: 'png', ...wish }),
  })
  const made = await ordered.json()
  strictEqual(made.state, 'completed', JSON.stringify(made))
  deepStrictEqual(made.notes, [])
  const file = await fetch(made.url)
  strictEqual(file.headers.get('content-type'), 'image/png')
  return Buffer.from(await file.arrayBuffer())
}

test('F5: what is drawn by hand is exported as the editor itself would', async (t) => {
  const { server, enter, allWell } = await open(t)
  const ada = await enter('likeness', 'Ada Lovelace', '#e16919')
  const ben = await enter('likeness', 'Ben', '#4465e9')
  await ada.stroke([150, 150], [250, 250], [350, 150], [420, 260])
  await ada.rectangle([520, 140], [700, 260])
  await ada.text([180, 330], 'hello Ben, 12 → 34')
  await ada.take('o')
  await ada.drag([200, 400], [330, 480])
  await ada.take('Escape')
  await ada.take('a')
  await ada.drag([340, 440], [450, 400])
  await ada.take('Escape')
  await ada.take('n')
  await ada.page.mouse.click(600, 420)
  await ada.page.waitForSelector('.tl-rich-text [contenteditable=true]')
  await ada.page.keyboard.type('a note to remember')
  await ada.take('Escape')
  await ada.take('Escape')
  await sameBoard({ draw: 1, geo: 2, text: 1, arrow: 1, note: 1 }, ada, ben)

  for (const wish of [
    { scale: 1, dark: false, padding: 32 },
    { scale: 2, dark: true, padding: 32 },
    // As much as is needed, which is told by the faintest pixels of strokes: painters do not agree about each of them.
    { scale: 1, dark: false },
  ]) {
    const named = `exports-${wish.scale}-${wish.dark ? 'dark' : 'light'}-${wish.padding ?? 'auto'}`
    const truth = await byEditor(ada, wish)
    const ours = await byServer(server.port, 'likeness', wish)
    writeFileSync(join(pictures, `${named}-editor.png`), truth)
    writeFileSync(join(pictures, `${named}-server.png`), ours)
    const alike = likeness(truth, ours)
    t.diagnostic(`${named}: ${JSON.stringify(alike)}`)
    const [theirs, size] = alike.sizes
    const off = Math.max(...size.map((side, at) => Math.abs(side - theirs[at])))
    ok(off <= (wish.padding === undefined ? 1 : 0), `${named} is ${size} instead of ${theirs}`)
    if (off > 0) continue
    for (const [measure, least] of Object.entries(LEAST)) {
      ok(alike[measure] >= least, `${measure} of ${named} is ${alike[measure]}`)
    }
  }
  allWell()
})
