// A WebSocket without any Yjs: sends the bytes that it is told to, keeps every frame, and waits for conditions on them.
//
// The one rule: each frame is parsed as it comes, and whoever sends more or less than one message in a frame is noted in
// `Raw.misframed`, which every file that uses this class asserts to be empty.

import { WebSocket } from 'ws'
import * as wire from './wire.mjs'

const WITHIN_MS = 10_000

export class Raw {
  /** Frames, in hex, that did not hold exactly one message. */
  static misframed = []
  /** Parsed messages in the order in which they came. */
  messages = []
  /** The frames' bytes, index for index. */
  frames = []
  opened = false
  /** `{ code, reason }` once the socket has closed. */
  closed = null
  /** The HTTP status where the upgrade was refused. */
  refused = null
  #checks = new Set()

  constructor (url, options = {}) {
    this.socket = new WebSocket(url, options.protocols ?? [], { handshakeTimeout: WITHIN_MS, ...options.ws })
    this.socket.on('open', () => this.#note(() => { this.opened = true }))
    this.socket.on('message', (data, isBinary) => this.#note(() => {
      this.frames.push(Buffer.from(data))
      let messages = []
      try {
        messages = isBinary ? wire.parse(data) : [{ kind: 'text' }, { kind: 'text' }]
      } finally {
        if (messages.length !== 1) Raw.misframed.push(this.frames.at(-1).toString('hex'))
        this.messages.push(messages)
      }
    }))
    this.socket.on('unexpected-response', (request, response) => {
      let body = ''
      response.on('data', chunk => { body += chunk })
      response.on('end', () => this.#note(() => { this.refused = { status: response.statusCode, body } }))
    })
    this.socket.on('close', (code, reason) => this.#note(() => { this.closed = { code, reason: reason.toString() } }))
    this.socket.on('error', error => this.#note(() => { this.error = error }))
  }

  #note (change) {
    change()
    for (const check of this.#checks) check()
  }

  /** An open socket that has not said anything yet. */
  static async open (url, options) {
    const raw = new Raw(url, options)
    await raw.until(() => raw.opened, 'open')
    return raw
  }

  /** A socket that sent its step 1 and has its step 2. */
  static async join (url, stateVector = Uint8Array.of(0), options) {
    const raw = await Raw.open(url, options)
    raw.send(wire.step1(stateVector))
    await raw.until(() => raw.of('step2').length > 0, 'a step 2')
    return raw
  }

  send (...bytes) {
    for (const part of bytes) this.socket.send(part)
  }

  /** The messages of a kind. */
  of (kind) {
    return this.messages.flat().filter(message => message.kind === kind)
  }

  /** Waits until a condition on what has come holds. */
  until (holds, what, within = WITHIN_MS) {
    if (holds()) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const end = settle => {
        clearTimeout(late)
        this.#checks.delete(check)
        settle()
      }
      const check = () => { if (holds()) end(resolve) }
      const late = setTimeout(() => end(() => reject(new Error(`no ${what} after ${within} ms; ${this.state()}`))), within)
      this.#checks.add(check)
    })
  }

  /** Waits until the server has handled everything sent so far: it answers in order. The state vector is what this socket has. */
  async settle (stateVector = Uint8Array.of(0)) {
    const answers = this.of('step2').length
    this.send(wire.step1(stateVector))
    await this.until(() => this.of('step2').length > answers, 'answer to a step 1')
  }

  async close () {
    this.socket.close()
    await this.until(() => this.closed !== null, 'close')
  }

  /** What this socket has seen, for messages about failures. */
  state () {
    const frames = this.frames.slice(-5).map(frame => frame.subarray(0, 40).toString('hex'))
    return JSON.stringify({ closed: this.closed, refused: this.refused, error: this.error?.message, frames })
  }
}
