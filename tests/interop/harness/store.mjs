// The server's database as seen from outside: its journal rows and snapshots, and a lock that holds commits back.
//
// The one rule: a held lock ends with its process, so a failing test cannot leave a server waiting.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('..', import.meta.url))

export class Store {
  #child
  #answers
  #turn = Promise.resolve()

  constructor (database) {
    const python = process.env.PYTHON ?? `${FOLDER}.venv/bin/python`
    this.#child = spawn(python, ['harness/store.py', database], { cwd: FOLDER, stdio: ['pipe', 'pipe', 'inherit'] })
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  #call (...command) {
    const answer = this.#turn.then(async () => {
      this.#child.stdin.write(JSON.stringify(command) + '\n')
      const { value: line, done } = await this.#answers.next()
      if (done) throw new Error('the store helper ended')
      const { value, error } = JSON.parse(line)
      if (error !== undefined) throw new Error(error)
      return value
    })
    this.#turn = answer.catch(() => {})
    return answer
  }

  /** From here on the server can commit nothing. */
  hold () { return this.#call('hold') }
  release () { return this.#call('release') }

  /** The stored updates of a room in the order of their sequence numbers. */
  async rows (room) {
    return (await this.#call('rows', room)).map(([seq, bytes]) => ({ seq, bytes: decoded(bytes) }))
  }

  /** The stored snapshots of a room, newest first. */
  async snapshots (room) {
    const found = await this.#call('snapshots', room)
    return found.map(([version, seq, listed, builder, data]) => ({ version, seq, listed, builder, data: decoded(data) }))
  }

  /** How many updates of a room were ever stored. */
  head (room) { return this.#call('head', room) }

  async end () {
    const gone = new Promise(resolve => this.#child.once('exit', resolve))
    this.#child.stdin.end()
    await gone
  }
}

function decoded (base64) {
  return new Uint8Array(Buffer.from(base64, 'base64'))
}
