// One process that runs any number of peers of one npm client: `node clients/node.mjs <version>` with a version of `VERSIONS`.
//
// It takes one JSON command a line on stdin and answers with one JSON line on stdout; `pycrdt_client.py` speaks the same commands.
// It knows nothing of what a test expects. The one rule: a process loads one copy of Yjs only, because two copies misapply
// updates without an error.

import { createInterface } from 'node:readline'
import { WebSocket } from 'ws'
import { canonical } from '../harness/canonical.mjs'

const VERSIONS = {
  '1.5.4': ['y-websocket-1', 'yjs'],
  '2.1.0': ['y-websocket-2', 'yjs'],
  '3.1.0': ['y-websocket-3', 'yjs'],
  '4.0.0-3': ['@y/websocket', '@y/y']
}
const [providerPackage, yjsPackage] = VERSIONS[process.argv[2]]
const { WebsocketProvider } = await import(providerPackage)
const Y = await import(yjsPackage)

/** A provider warns on the console about a refusal; stdout belongs to the answers. */
console.log = console.info = console.warn = console.error
const peers = new Map()

/** What a socket sent and received, and when it opened and closed, for one peer. */
function recordingSocket (peer) {
  return class extends WebSocket {
    constructor (url, protocols) {
      super(url, protocols)
      this.on('open', () => {
        peer.opens.push(Date.now())
        // Before the provider's own greeting: its `onopen` is set later than this listener.
        if (peer.poison !== undefined) super.send(Buffer.from(peer.poison, 'hex'))
      })
      this.on('close', (code, reason) => peer.closes.push({ at: Date.now(), code, reason: reason.toString() }))
      this.on('message', data => {
        peer.received++
        if (peer.record) peer.frames.push({ at: Date.now(), way: 'in', hex: Buffer.from(data).toString('hex') })
      })
    }

    send (data, ...rest) {
      if (peer.record) peer.frames.push({ at: Date.now(), way: 'out', hex: Buffer.from(data).toString('hex') })
      super.send(data, ...rest)
    }
  }
}

function content ({ doc }) {
  return { map: doc.getMap('map').toJSON(), list: doc.getArray('list').toJSON(), text: doc.getText('text').toString() }
}

const EDITS = {
  set: ({ doc }, key, value) => doc.getMap('map').set(key, value),
  unset: ({ doc }, key) => doc.getMap('map').delete(key),
  push: ({ doc }, value) => doc.getArray('list').push([value]),
  remove: ({ doc }, at) => doc.getArray('list').delete(at, 1),
  write: ({ doc }, at, text) => doc.getText('text').insert(at, text),
  erase: ({ doc }, at, length) => doc.getText('text').delete(at, length)
}

const CONDITIONS = {
  content: (peer, value) => canonical(content(peer)) === canonical(value),
  synced: peer => peer.provider.synced,
  unsynced: peer => !peer.provider.wsconnected,
  /** Another client's state as this peer sees it; null: not there. */
  sees: ({ provider }, { client, state }) =>
    canonical(provider.awareness.getStates().get(client) ?? null) === canonical(state),
  stopped: peer => !peer.provider.shouldConnect,
  opens: (peer, count) => peer.opens.length >= count,
  closes: (peer, count) => peer.closes.length >= count,
  received: (peer, count) => peer.received >= count
}

const COMMANDS = {
  open ({ peer: name, url, room, presence, connect = true, record = false, poison }) {
    const doc = new Y.Doc()
    const peer = { doc, opens: [], closes: [], frames: [], received: 0, record, poison }
    peer.provider = new WebsocketProvider(url, room, doc, {
      connect: false, WebSocketPolyfill: recordingSocket(peer), disableBc: true
    })
    if (presence !== undefined) peer.provider.awareness.setLocalState(presence)
    peers.set(name, peer)
    if (connect) peer.provider.connect()
    return { client: doc.clientID }
  },
  edit ({ peer, edits }) {
    peer.doc.transact(() => edits.forEach(([kind, ...args]) => EDITS[kind](peer, ...args)))
  },
  content: ({ peer }) => content(peer),
  presence: ({ peer, state }) => peer.provider.awareness.setLocalState(state),
  connect: ({ peer }) => peer.provider.connect(),
  disconnect: ({ peer }) => peer.provider.disconnect(),
  /** Cuts the socket without a goodbye; the provider comes back by itself. */
  drop: ({ peer }) => peer.provider.ws?.terminate(),
  /** Cuts the socket without a goodbye and does not come back. */
  die ({ peer }) {
    peer.provider.shouldConnect = false
    peer.provider.ws?.terminate()
  },
  send: ({ peer, hex }) => peer.provider.ws.send(Buffer.from(hex, 'hex')),
  facts: ({ peer: { opens, closes, frames } }) => ({ opens, closes, frames }),
  async until ({ peer, what, value, within }) {
    const start = Date.now()
    while (!CONDITIONS[what](peer, value)) {
      if (Date.now() - start > within) {
        const seen = { content: content(peer), people: [...peer.provider.awareness.getStates()], closes: peer.closes }
        throw new Error(`not ${what} ${canonical(value ?? '')} after ${within} ms; has ${canonical(seen)}`)
      }
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    return Date.now() - start
  },
  close ({ name, peer }) {
    peer.provider.destroy()
    peer.provider.awareness.destroy()
    peers.delete(name)
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, op, ...args } = JSON.parse(line)
  const answer = async () => {
    if (op === 'open') return COMMANDS.open(args)
    const peer = peers.get(args.peer)
    if (peer === undefined) throw new Error(`no peer ${args.peer}`)
    return COMMANDS[op]({ ...args, name: args.peer, peer })
  }
  answer().then(
    value => process.stdout.write(JSON.stringify({ id, value: value ?? null }) + '\n'),
    error => process.stdout.write(JSON.stringify({ id, error: error.message }) + '\n')
  )
}
process.exit(0)
