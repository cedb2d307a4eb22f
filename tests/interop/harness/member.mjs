// A Yjs client in this process: y-websocket 3.1.0 or 1.5.4 on one shared copy of Yjs, over a socket that can lag and that is recorded.
//
// The one rule: nothing is reached around the provider; what a member does, an application could do.

import { WebSocket } from 'ws'
import { WebsocketProvider as Provider1 } from 'y-websocket-1'
import { WebsocketProvider as Provider3 } from 'y-websocket-3'
import * as Y from 'yjs'
import * as wire from './wire.mjs'

/** The longest pause between two attempts to connect; the default of 2.5 s would only make tests slow. */
const MAX_BACKOFF_MS = 150
// Each provider listens for the end of the process.
process.setMaxListeners(0)

export class Member {
  /** How often the server asked for what it lacks, beyond the greeting of each socket. */
  asked = 0
  /** How many step 2s and echoes of an empty update came on the present socket. */
  step2s = 0
  barriers = 0
  #connection

  /** `options.lagMs`: how long each outgoing message may wait in this client; `options.onMessage` hears every message that comes. */
  constructor (name, version, url, room, options = {}) {
    this.name = name
    this.doc = new Y.Doc()
    this.#connection = { version, room, options }
    this.provider = this.#provided(url)
  }

  #provided (url) {
    const { version, room, options } = this.#connection
    return new (version === '1.5.4' ? Provider1 : Provider3)(url, room, this.doc, {
      connect: false, disableBc: true, maxBackoffTime: MAX_BACKOFF_MS, WebSocketPolyfill: recorded(this, options), awareness: this.provider?.awareness
    })
  }

  /** Goes on at another server with the same doc, as an application does that is told of another address. */
  moveTo (url) {
    this.provider.destroy()
    this.step2s = this.barriers = 0
    this.provider = this.#provided(url)
    this.provider.connect()
  }

  /** Whether the socket is open and its first step 2 has come. */
  get joined () {
    return this.provider.wsconnected && this.step2s > 0
  }

  /** Takes an update from a sibling tab, as over a BroadcastChannel. */
  overhear (update, origin = this.provider) {
    Y.applyUpdate(this.doc, update, origin)
  }

  /** Cuts the socket; what was not sent is lost, and the provider comes back by itself. */
  drop () {
    this.provider.ws?.terminate()
  }

  /** Waits until the server has handled and committed all that it had when this message arrived: it echoes an empty update then. */
  async committed () {
    let asked = null
    await until(() => {
      const { ws, wsconnected } = this.provider
      // On each new socket anew: what was on its way when one closed may never have arrived.
      if (wsconnected && asked?.ws !== ws) {
        asked = { ws, before: this.barriers }
        ws.send(wire.update(Uint8Array.of(0, 0)))
      }
      return asked?.ws === ws && this.barriers > asked.before
    }, () => `${this.name}: no echo of an empty update`)
  }

  /** Whether this client waits for something that was never sent to it. */
  get pending () {
    return this.doc.store.pendingStructs !== null || this.doc.store.pendingDs !== null
  }

  end () {
    this.provider.destroy()
    this.provider.awareness.destroy()
    this.doc.destroy()
  }
}

function recorded (member, { lagMs = () => 0, onMessage = () => {} }) {
  return class extends WebSocket {
    #lagging = Promise.resolve()
    #waiting = 0

    constructor (url, protocols) {
      super(url, protocols)
      let greeted = false
      this.on('open', () => { member.step2s = member.barriers = 0 })
      this.on('message', data => {
        const messages = wire.parse(new Uint8Array(data))
        if (messages.length !== 1) throw new Error(`a frame with ${messages.length} messages`)
        const [message] = messages
        if (message.kind === 'step1') {
          if (greeted) member.asked++
          greeted = true
        }
        if (message.kind === 'step2') member.step2s++
        if (message.kind === 'update' && message.body.length === 2) member.barriers++
        onMessage(message, data)
      })
    }

    send (data) {
      const lag = lagMs()
      // Only a client that lags gets a queue: the order of messages never changes.
      if (lag === 0 && this.#waiting === 0) return super.send(data)
      this.#waiting++
      this.#lagging = this.#lagging.then(() => new Promise(resolve => setTimeout(resolve, lag))).then(() => {
        this.#waiting--
        if (this.readyState === WebSocket.OPEN) super.send(data)
      })
    }
  }
}

/** Waits until a condition holds. */
export async function until (holds, what, within = 15_000) {
  const deadline = Date.now() + within
  while (!await holds()) {
    if (Date.now() > deadline) throw new Error(`${what()} after ${within} ms`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
