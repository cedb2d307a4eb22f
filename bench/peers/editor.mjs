// Makes files of boards as one would without a server that draws: stock tldraw in headless Chromium, joined to the room. For each line of
// JSON that comes in, one goes out.
//
//   {"op": "ready"}                             whether all is there  -> {}
//   {"op": "start"}                             the browser           -> {"pid", "version"}
//   {"op": "open", "server", "room", "shapes"}  the page, until it shows so many shapes -> {}
//   {"op": "export", "format"}                  what the page shows   -> {"ms", "width", "height"}
//   {"op": "stop"}                              the browser           -> {}
//
// An error goes out as {"error"}. The page is the built one of examples/tldraw. BENCH_CORE is the processor that the browser may use. The rule: the
// time of an export is taken in the page, from asking the editor to having the file there, so that nothing of this process or of the way out
// of the browser is in it.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { chromium } from 'playwright-core'
import { serveFiles } from '../../tests/browser/files.js'

const PATIENCE_MS = 120_000

const example = join(import.meta.dirname, '../../examples/tldraw/package.json')
const { dependencies } = JSON.parse(readFileSync(example, 'utf8'))

let files, launched, browser, page

const ops = { ready, start, open, export: draw, stop }

for await (const line of createInterface(process.stdin)) {
  const { op, ...wish } = JSON.parse(line)
  let answer
  try {
    answer = await ops[op](wish)
  } catch (error) {
    answer = { error: String(error?.message ?? error) }
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
await stop()
files?.close()

/** An error where the page is not built. */
async function ready() {
  files = await serveFiles('tldraw')
  return {}
}

/** Everything is switched off by which it would call home. */
async function start() {
  launched = await chromium.launchServer({
    executablePath: join(import.meta.dirname, 'chromium-on-one-core.sh'),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  browser = await chromium.connect(launched.wsEndpoint())
  return {
    pid: launched.process().pid,
    version: `tldraw ${dependencies.tldraw}, Chromium ${browser.version()}`,
  }
}

async function open({ server, room, shapes }) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 700 } })
  page = await context.newPage()
  const query = new URLSearchParams({ server, room, name: 'Exporter' })
  await page.goto(`http://127.0.0.1:${files.address().port}/?${query}`, { timeout: PATIENCE_MS })
  await page.waitForFunction(
    (shapes) => window.editor?.getCurrentPageShapeIds().size === shapes,
    shapes,
    { timeout: PATIENCE_MS }
  )
  return {}
}

/** As the editor's own menu does it, but one px for each px of the board, as our exports are. */
async function draw({ format }) {
  return page.evaluate(async (format) => {
    const began = performance.now()
    const { blob, width, height } = await window.editor.toImage([], {
      format,
      pixelRatio: 1,
      background: true,
    })
    await blob.arrayBuffer()
    const ms = performance.now() - began
    if (format !== 'png') return { ms, width, height }
    // What it was trimmed to.
    const picture = await createImageBitmap(blob)
    return { ms, width: picture.width, height: picture.height }
  }, format)
}

async function stop() {
  await browser?.close()
  await launched?.close()
  browser = launched = page = undefined
  return {}
}
