// A doc worker of the built server, spoken to as the server speaks to it.
//
// Knows the messages: a length (4 bytes, little endian), a head in JSON, and the bytes that the head announces. The one
// rule: one request at a time, and every worker started here is dead when its test process ends.

import { spawn } from 'node:child_process'
import { once } from 'node:events'

const running = new Set()
process.on('exit', () => {
  for (const worker of running) worker.kill()
})

const sizes = updates => updates.map(update => update.length)

/** A doc worker that is ready for requests. */
export class Worker {
  #child
  #exit
  #chunks
  #heard = Buffer.alloc(0)

  constructor () {
    const binary = process.env.SCRIBLE_BIN
    if (binary === undefined) throw new Error('set SCRIBLE_BIN to the server binary')
    const limits = ['--doc-limit', String(64 << 20), '--memory-bytes', String(4 * 2 ** 30)]
    this.#child = spawn(binary, ['doc-worker', '--parent', String(process.pid), ...limits], {
      stdio: ['pipe', 'pipe', 'inherit']
    })
    this.#chunks = this.#child.stdout[Symbol.asyncIterator]()
    running.add(this.#child)
    this.#exit = once(this.#child, 'exit').then(() => running.delete(this.#child))
  }

  /** What makes one doc show what another one shows: `{ update, changes, left }`, the update null if nothing differs. */
  async restore (current, target) {
    const request = { restore: { current: sizes(current), target: sizes(target) } }
    const { update, changes, left } = await this.#ask(request, [...current, ...target], 'restored')
    return { update: update === null ? null : new Uint8Array(await this.#take(update)), changes, left }
  }

  /** One update out of many. */
  async build (updates) {
    const { snapshot, state_vector: stateVector } = await this.#ask({ build: { blobs: sizes(updates) } }, updates, 'built')
    const built = new Uint8Array(await this.#take(snapshot))
    await this.#take(stateVector)
    return built
  }

  /** Ends it, as the end of its input does. */
  async end () {
    this.#child.stdin.end()
    await this.#exit
  }

  /** What an answer's head says; its bytes are still to be taken. */
  async #ask (request, blobs, wanted) {
    const head = Buffer.from(JSON.stringify(request))
    const length = Buffer.alloc(4)
    length.writeUInt32LE(head.length)
    this.#child.stdin.write(Buffer.concat([length, head, ...blobs]))
    let answer
    do {
      const size = (await this.#take(4)).readUInt32LE()
      answer = JSON.parse(await this.#take(size))
    } while (answer === 'started')
    if (answer[wanted] === undefined) throw new Error(JSON.stringify(answer))
    return answer[wanted]
  }

  async #take (size) {
    while (this.#heard.length < size) {
      const { value, done } = await this.#chunks.next()
      if (done) throw new Error('the worker is gone')
      this.#heard = Buffer.concat([this.#heard, value])
    }
    const taken = this.#heard.subarray(0, size)
    this.#heard = this.#heard.subarray(size)
    return taken
  }
}
