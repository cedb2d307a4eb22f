// A Redis server for one test, and a line to it that loses, repeats and reorders messages, is slow, or breaks.
//
// Knows Debian's programs and the outer form of Redis' protocol. The one rule: nothing listens beyond this machine, and nothing stays.

import { execFile, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { until } from './member.mjs'
import { freePort } from './port.mjs'

/** Why tests that need Redis cannot run; `false` where they can. */
export const NO_REDIS = spawnSync('redis-server', ['--version']).status === 0 ? false : 'install redis-server to run this'
const running = new Set()
process.on('exit', () => {
  for (const redis of running) redis.discard()
})

/** One server; it may live several lives on one port. */
export class Redis {
  #child = null
  #exit = null

  static async start () {
    const redis = new Redis()
    redis.folder = mkdtempSync(join(tmpdir(), 'scrible-redis-'))
    redis.port = await freePort()
    running.add(redis)
    await redis.restart()
    return redis
  }

  get url () { return `redis://127.0.0.1:${this.port}` }

  /** Starts the next life; nothing of the one before is there. */
  async restart () {
    this.#child = spawn('redis-server', ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', this.folder], { stdio: 'ignore' })
    this.#exit = new Promise((resolve, reject) => this.#child.once('error', reject).once('exit', resolve))
    await until(async () => (await this.ask('PING').catch(() => '')) === 'PONG', () => 'Redis does not answer')
  }

  async kill () {
    this.#child.kill('SIGKILL')
    await this.#exit
  }

  /** What a command answers, as text. */
  async ask (...command) {
    const { stdout } = await promisify(execFile)('redis-cli', ['-p', String(this.port), ...command])
    return stdout.trim()
  }

  discard () {
    running.delete(this)
    this.#child?.kill('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }

  async end () {
    await this.kill()
    this.discard()
  }
}

/** A line to a server. What becomes of each message that a subscriber gets is asked of `fate`: `pass`, `drop`, `twice` or `late` (after the next). */
export class Proxy {
  #sockets = new Set()
  /** How long everything takes on its way to the server, in milliseconds. */
  delayMs = 0
  fate = () => 'pass'
  counts = { pass: 0, drop: 0, twice: 0, late: 0 }

  static async start (port) {
    const proxy = new Proxy()
    proxy.server = createServer(client => proxy.#join(client, port))
    await new Promise(resolve => proxy.server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get url () { return `redis://127.0.0.1:${this.server.address().port}` }

  #join (client, port) {
    const server = connect(port, '127.0.0.1')
    for (const [socket, other] of [[client, server], [server, client]]) {
      socket.setNoDelay(true)
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
    client.on('data', data => {
      if (this.delayMs === 0) return void server.write(data)
      setTimeout(() => server.write(data), this.delayMs)
    })
    let rest = Buffer.alloc(0)
    let late = null
    server.on('data', data => {
      rest = Buffer.concat([rest, data])
      for (let end; (end = valueEnd(rest, 0)) !== null;) {
        const value = rest.subarray(0, end)
        rest = rest.subarray(end)
        const fate = isMessage(value) ? this.fate() : 'pass'
        if (isMessage(value)) this.counts[fate]++
        if (fate === 'pass' || fate === 'twice') client.write(value)
        if (fate === 'twice') client.write(value)
        if (late !== null) client.write(late)
        late = fate === 'late' ? value : null
      }
    })
  }

  /** Breaks all connections. */
  cut () {
    for (const socket of this.#sockets) socket.destroy()
  }

  end () {
    this.server.close()
    this.cut()
  }
}

/** Whether a value is something published that a subscriber gets: an array or a push that begins with `message` or `smessage`. */
function isMessage (value) {
  return /^[*>]\d+\r\n\$\d+\r\ns?message\r\n/.test(value.toString('latin1', 0, 40))
}

/** Where the value that begins at `at` ends; `null` where it is not all there. */
function valueEnd (buffer, at) {
  const lineEnd = buffer.indexOf('\r\n', at)
  if (lineEnd === -1) return null
  const next = lineEnd + 2
  const size = Number(buffer.toString('latin1', at + 1, lineEnd))
  switch (String.fromCharCode(buffer[at])) {
    case '$': case '=': case '!': {
      if (size < 0) return next
      const end = next + size + 2
      return end <= buffer.length ? end : null
    }
    case '*': case '>': case '~': return valuesEnd(buffer, next, Math.max(size, 0))
    case '%': return valuesEnd(buffer, next, 2 * size)
    default: return next
  }
}

function valuesEnd (buffer, at, count) {
  for (; count > 0 && at !== null; count--) at = valueEnd(buffer, at)
  return at
}
