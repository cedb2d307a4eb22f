// Joins rooms as real Yjs clients do and counts what they hold: for each line of JSON that comes in, one goes out.
//
//   in:  {"url": the address with the room in it, "room": the doc's name, "kind": "plain" | "named"}
//   out: {"room", "writers": {client id: items in the array `a`}, "gaps", "pending"} or {"room", "error"}
//
// `named` is hocuspocus' way, in which messages begin with the doc's name. `gaps` are the clocks of a writer that are no item of the array,
// `pending` says that something waits for what never came. The rule: what is counted is what Yjs integrated, nothing that this file reads off the
// wire.

import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider'
import { createInterface } from 'node:readline'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

/** A room may hold a million items after a saturated minute. */
const PATIENCE_MS = 60_000

// Providers talk about refusals; the output belongs to the answers.
console.log = console.info = console.warn = console.error

for await (const line of createInterface(process.stdin)) {
  const { url, room, kind } = JSON.parse(line)
  let answer
  try {
    answer = await count(url, room, kind)
  } catch (error) {
    answer = { error: String(error?.message ?? error) }
  }
  process.stdout.write(`${JSON.stringify({ room, ...answer })}\n`)
}

async function count(url, room, kind) {
  const doc = new Y.Doc()
  let leave = () => {}
  let timer
  try {
    await new Promise((synced, failed) => {
      timer = setTimeout(() => failed(new Error('not synced in time')), PATIENCE_MS)
      leave = (kind === 'named' ? joinNamed : joinPlain)(doc, url, room, synced, failed)
    })
    return counted(doc)
  } finally {
    clearTimeout(timer)
    leave()
    doc.destroy()
  }
}

function joinPlain(doc, url, _, synced, failed) {
  const address = new URL(url)
  const at = address.pathname.lastIndexOf('/')
  const provider = new WebsocketProvider(
    address.origin + address.pathname.slice(0, at),
    address.pathname.slice(at + 1),
    doc,
    { WebSocketPolyfill: WebSocket, disableBc: true, params: Object.fromEntries(address.searchParams) }
  )
  provider.on('sync', (is) => is && synced())
  provider.on('closed', ({ code, reason }) => failed(new Error(`closed: ${code} ${reason}`)))
  return () => provider.destroy()
}

function joinNamed(doc, url, room, synced, failed) {
  const websocketProvider = new HocuspocusProviderWebsocket({ url, WebSocketPolyfill: WebSocket })
  const provider = new HocuspocusProvider({ websocketProvider, name: room, document: doc, token: '' })
  provider.on('synced', () => synced())
  provider.on('authenticationFailed', ({ reason }) => failed(new Error(`refused: ${reason}`)))
  provider.attach()
  return () => {
    provider.destroy()
    websocketProvider.destroy()
  }
}

/** Of every writer: what stands in the array, and what should. */
function counted(doc) {
  const writers = {}
  for (let item = doc.getArray('a')._start; item !== null; item = item.right) {
    if (item.deleted || !item.countable) continue
    writers[item.id.client] = (writers[item.id.client] ?? 0) + item.length
  }
  let gaps = 0
  for (const [client, clock] of Y.decodeStateVector(Y.encodeStateVector(doc))) gaps += clock - (writers[client] ?? 0)
  return { writers, gaps, pending: doc.store.pendingStructs !== null || doc.store.pendingDs !== null }
}
