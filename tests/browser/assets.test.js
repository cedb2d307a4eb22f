// Pictures that are pasted into a board: kept by the server, shown to everybody, and no part of the document.

import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { until } from './people.js'
import { open } from './stage.js'

/** Pastes a picture of so many pixels of one color, as a person does who copied it elsewhere. */
const paste = (person, [width, height], color) =>
  person.page.evaluate(
    async ({ width, height, color }) => {
      const canvas = Object.assign(document.createElement('canvas'), { width, height })
      const context = canvas.getContext('2d')
      context.fillStyle = color
      context.fillRect(0, 0, width, height)
      const bytes = await new Promise((made) => canvas.toBlob(made, 'image/png'))
      const file = new File([bytes], 'a blue picture.png', { type: 'image/png' })
      await window.editor.putExternalContent({ type: 'files', files: [file], point: { x: 300, y: 200 } })
    },
    { width, height, color }
  )

/** What the pictures on the page are: where from, and how large. */
const pictures = (person) =>
  person.page.evaluate(() =>
    [...document.querySelectorAll('.tl-image')].map(({ currentSrc, naturalWidth, naturalHeight }) => ({
      from: currentSrc,
      size: [naturalWidth, naturalHeight],
    }))
  )

test('M16: a pasted picture is on everybody\'s board, also after all went and came back', async (t) => {
  const { server, enter, allWell } = await open(t)
  const ada = await enter('pasting', 'Ada', '#e16919')
  const ben = await enter('pasting', 'Ben', '#4465e9')
  await paste(ada, [64, 48], '#0000ff')
  await until(async () => {
    const [picture] = await pictures(ben)
    deepStrictEqual(picture?.size, [64, 48])
    match(picture.from, /\/api\/rooms\/pasting\/assets\/[^/]+-a%20blue%20picture\.png$/)
  })
  // Her page goes on with the picture that it has.
  await until(async () => deepStrictEqual((await pictures(ada))[0]?.size, [64, 48]))
  const [asset] = Object.values(await ben.board()).filter(({ typeName }) => typeName === 'asset')
  match(asset.props.src, /^http:\/\/127\.0\.0\.1:\d+\/api\/rooms\/pasting\/assets\//)
  ok(!JSON.stringify(await ben.board()).includes('data:'), 'the document names the picture and does not hold it')
  await ben.picture('assets-1-pasted')

  t.diagnostic('it is in exports')
  const ordered = await fetch(`http://127.0.0.1:${server.port}/api/exports/pasting`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', prefer: 'wait=30' },
    body: JSON.stringify({ format: 'svg' }),
  })
  const made = await ordered.json()
  strictEqual(made.state, 'completed', JSON.stringify(made))
  deepStrictEqual(made.notes, [])
  const svg = await (await fetch(made.url)).text()
  match(svg, /<image [^>]*href="data:image\/png;base64,/)

  t.diagnostic('it is on the disk')
  await ada.leave()
  await ben.leave()
  strictEqual(await server.stop(), 0)
  await server.start()
  const cleo = await enter('pasting', 'Cleo')
  await until(async () => deepStrictEqual((await pictures(cleo))[0]?.size, [64, 48]))
  allWell()
})
