// The server under test, as a process of its own with a database file of its own. Knows the command
// line and the settings, nothing of what goes over the socket.
//
// SCRIBLE_BIN names the binary.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

const binary = resolve(
  process.env.SCRIBLE_BIN ?? join(import.meta.dirname, '../../target/debug/scrible')
)
const START_LIMIT_MS = 15_000

export class Server {
  #folder = mkdtempSync(join(tmpdir(), 'scrible-browser-'))
  #child
  /** Chosen by the first start; later ones take the same, so that clients find their way back. */
  port = 0

  #settings

  /** `settings`: more of the environment, as `SCRIBLE_…`. */
  constructor(settings = {}) {
    this.#settings = settings
  }

  /** Starts it on what it stored before. Resolves once it says that it listens. */
  async start() {
    const child = spawn(binary, [], {
      cwd: this.#folder,
      env: {
        ...process.env,
        HOST: '127.0.0.1',
        PORT: String(this.port),
        DATABASE_URL: `sqlite:${join(this.#folder, 't.db')}`,
        ...this.#settings,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    let said = ''
    child.stderr.on('data', (bytes) => (said = (said + bytes).slice(-4000)))
    const lines = createInterface(child.stdout)
    const limit = setTimeout(() => child.kill('SIGKILL'), START_LIMIT_MS)
    try {
      this.port = await new Promise((listening, failed) => {
        lines.on('line', (line) => {
          said = `${said}${line}\n`.slice(-4000)
          const port = /listening on ws:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1]
          if (port) listening(Number(port))
        })
        child.once('error', failed)
        child.once('exit', (code, signal) =>
          failed(new Error(`the server ended (${signal ?? code}) before it listened:\n${said}`))
        )
      })
    } finally {
      clearTimeout(limit)
    }
  }

  /** Ends it as a power cut would. */
  async kill() {
    await this.#end('SIGKILL')
  }

  /** Ends it as an operator would; what it was told must be stored afterwards. */
  async stop() {
    return this.#end('SIGTERM')
  }

  /** Runs a command of the program on the server's database, beside it. */
  async command(...args) {
    const child = spawn(binary, args, {
      cwd: this.#folder,
      env: { ...process.env, PORT: String(this.port), DATABASE_URL: `sqlite:${join(this.#folder, 't.db')}` },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const said = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr']) child[name].on('data', (bytes) => (said[name] += bytes))
    const [code] = await once(child, 'close')
    return { code, ...said }
  }

  async remove() {
    await this.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #end(signal) {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode
    const ended = once(child, 'exit')
    child.kill(signal)
    const [code] = await ended
    return code
  }
}
