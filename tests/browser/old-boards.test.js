// Rooms that other pages wrote: what the example's binding must do with boards in an older shape,
// with entries that a merge left behind, and with a newer shape than it knows. The other page is a
// bare y-websocket client that writes raw entries.

import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { until } from './people.js'
import { open } from './stage.js'

const meta = {}
const board = { id: 'document:document', typeName: 'document', gridSize: 10, name: '', meta }
const page = { id: 'page:page', typeName: 'page', name: 'Page 1', index: 'a1', meta }
const camera = { id: 'camera:page:page', typeName: 'camera', x: 7, y: 7, z: 1, meta }

/** A rectangle as tldraw 3.9 wrote it: its label is plain text. */
const oldBox = (x) => ({
  id: 'shape:box',
  typeName: 'shape',
  type: 'geo',
  ...{ x, y: 200, rotation: 0, index: 'a1', parentId: 'page:page', isLocked: false, opacity: 1, meta },
  props: {
    ...{ geo: 'rectangle', w: 220, h: 120, growY: 0, scale: 1, text: 'old words', url: '' },
    ...{ color: 'blue', labelColor: 'black', fill: 'none', dash: 'draw', size: 'm', font: 'draw' },
    ...{ align: 'middle', verticalAlign: 'middle' },
  },
})
const oldSchema = {
  schemaVersion: 2,
  sequences: {
    'com.tldraw.store': 4,
    'com.tldraw.document': 2,
    'com.tldraw.page': 1,
    'com.tldraw.camera': 1,
    'com.tldraw.shape': 4,
    'com.tldraw.shape.geo': 9,
  },
}
const entry = (val) => ({ key: val.id, val })

/** A client that shares `room` with the page, without an editor. */
async function writer(t, server, room) {
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(`ws://127.0.0.1:${server.port}`, room, doc, {
    WebSocketPolyfill: WebSocket,
    disableBc: true,
  })
  t.after(() => {
    provider.destroy()
    // Ends the timer of its awareness as well, which would keep this process alive.
    doc.destroy()
  })
  await new Promise((synced) => provider.once('sync', synced))
  // As pages named it before that have been there first, or as old ones did.
  const board = [...doc.share.keys()].find((root) => root.startsWith('tl_'))
  const entries = doc.getArray(board ?? `tl_${room}`)
  return {
    doc,
    entries,
    schema: doc.getMap('meta'),
    of: (key) => entries.toArray().filter((entry) => entry.key === key).map(({ val }) => val),
  }
}

test('an old board with stale entries is read, brought up to date, and tidied', async (t) => {
  const { server, enter, allWell } = await open(t)
  const other = await writer(t, server, 'old')
  other.doc.transact(() => {
    other.entries.push([board, page, camera, oldBox(1), oldBox(100)].map(entry))
    other.schema.set('schema', oldSchema)
  })

  const ada = await enter('old', 'Ada')
  const [box] = await ada.shapes()
  strictEqual(box.x, 100, 'the rightmost entry is the value')
  strictEqual(box.props.text, undefined)
  strictEqual(box.props.richText.content[0].content[0].text, 'old words')
  await ada.picture('6-old-board')

  // The room has been brought to the shape that its schema now names, one entry for each record;
  // what is not the board's stays as it was.
  const current = await ada.page.evaluate(() => window.editor.store.schema.serialize())
  await until(() => {
    deepStrictEqual(other.schema.get('schema'), current)
    deepStrictEqual(other.of('shape:box'), [box])
    deepStrictEqual(other.of(camera.id), [camera])
  })
  const mine = await ada.page.evaluate(() => window.editor.getCamera().x)
  strictEqual(mine, 0, 'a camera in the room is somebody else’s')

  // Two writers' entries arrive merged, before anybody tidied them.
  other.entries.push([entry({ ...box, x: 200 }), entry({ ...box, x: 300 })])
  await until(async () => strictEqual((await ada.shapes())[0].x, 300))

  // A deletion must take all entries of the key, or the shape comes back for the next visitor.
  await ada.page.mouse.click(300, 205)
  await ada.take('Delete')
  await until(() => deepStrictEqual(other.of('shape:box'), []))
  const ben = await enter('old', 'Ben')
  deepStrictEqual(await ben.shapes(), [])
  allWell()
})

test('a board in a newer shape is neither shown nor written', async (t) => {
  const { server, enter, allWell } = await open(t)
  const ada = await enter('newer', 'Ada')
  await ada.rectangle([200, 200], [400, 300])
  const other = await writer(t, server, 'newer')
  const [box] = await ada.shapes()
  await until(() => deepStrictEqual(other.of(box.id), [box]))

  const newer = structuredClone(other.schema.get('schema'))
  newer.sequences['com.tldraw.shape.geo'] = 999
  other.schema.set('schema', newer)
  await ada.page.waitForSelector('[role=alert]')
  await ada.picture('7-newer-board')

  // The next visitor is told so at once.
  const written = other.entries.toJSON()
  await ada.page.reload()
  await ada.page.waitForSelector('[role=alert]')
  deepStrictEqual(other.entries.toJSON(), written)
  deepStrictEqual(other.schema.get('schema'), newer)
  allWell()
})
