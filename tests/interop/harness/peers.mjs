// Starts client processes and speaks their command lines: one object per process, one per peer in it.
//
// Knows the commands of `clients/`, nothing of rooms or servers. The one rule: a process that ends unasked fails every
// command that waits for it, so that no test hangs.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('..', import.meta.url))
/** The npm versions under test. */
export const NODE_VERSIONS = ['1.5.4', '2.1.0', '3.1.0', '4.0.0-3']
/** All implementations; pycrdt runs in Python. */
export const IMPLEMENTATIONS = [...NODE_VERSIONS, 'pycrdt']
/** How long a condition may take where a test does not say otherwise. */
const WITHIN_MS = 10_000

/** A process that runs peers of one implementation. */
export class Implementation {
  #child
  #waiting = new Map()
  #next = 1
  #ended = null

  constructor (name) {
    this.name = name
    this.#child = name === 'pycrdt'
      ? spawn(process.env.PYTHON ?? `${FOLDER}.venv/bin/python`, ['clients/pycrdt_client.py'], { cwd: FOLDER, stdio: ['pipe', 'pipe', 'inherit'] })
      : spawn(process.execPath, ['clients/node.mjs', name], { cwd: FOLDER, stdio: ['pipe', 'pipe', 'ignore'] })
    createInterface({ input: this.#child.stdout }).on('line', line => {
      const { id, value, error } = JSON.parse(line)
      const { resolve, reject } = this.#waiting.get(id)
      this.#waiting.delete(id)
      error === undefined ? resolve(value) : reject(new Error(`${name}: ${error}`))
    })
    const end = why => {
      this.#ended = new Error(`the ${name} process ended: ${why}`)
      for (const { reject } of this.#waiting.values()) reject(this.#ended)
    }
    this.#child.stdin.on('error', () => {})
    this.#child.on('error', error => end(error.message))
    this.#child.on('exit', (code, signal) => end(signal ?? code))
  }

  /** Sends one command and gives its answer. */
  call (op, args) {
    if (this.#ended !== null) return Promise.reject(this.#ended)
    const id = this.#next++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#child.stdin.write(JSON.stringify({ id, op, ...args }) + '\n')
    })
  }

  /** Opens a peer; see `open` in `clients/node.mjs` for the options. */
  async open (url, room, options = {}) {
    const name = `p${this.#next}`
    const { client } = await this.call('open', { peer: name, url, room, ...options })
    return new Peer(this, name, client)
  }

  /** Ends the process with all its peers. */
  async end () {
    const gone = new Promise(resolve => this.#child.once('exit', resolve))
    if (this.#ended !== null) return
    this.#child.kill('SIGKILL')
    await gone
  }
}

/** One doc with its provider. */
export class Peer {
  constructor (implementation, name, client) {
    this.implementation = implementation
    this.name = name
    this.client = client
  }

  #call (op, args) {
    return this.implementation.call(op, { peer: this.name, ...args })
  }

  /** Edits in one transaction: `['set', key, value]`, `['write', at, text]`, `['push', value]` and their opposites. */
  edit (...edits) { return this.#call('edit', { edits }) }
  content () { return this.#call('content') }
  presence (state) { return this.#call('presence', { state }) }
  connect () { return this.#call('connect') }
  disconnect () { return this.#call('disconnect') }
  drop () { return this.#call('drop') }
  die () { return this.#call('die') }
  send (hex) { return this.#call('send', { hex }) }
  facts () { return this.#call('facts') }
  close () { return this.#call('close') }

  /** Waits for a condition; gives the milliseconds that it took. */
  until (what, value, within = WITHIN_MS) { return this.#call('until', { what, value, within }) }
}
