// Starts, kills and restarts the server under test, with a database file of its own.
//
// Knows the binary's contract only: settings by environment, one line `listening on ws://…` on stdout. The one rule: every
// server started here is dead when its test process ends.

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const START_MS = 20_000
const running = new Set()
process.on('exit', () => {
  for (const server of running) server.discard()
})

/** One server with its data; it may live several lives on one port. */
export class Server {
  #child = null
  #exit = null

  constructor (env) {
    this.env = env
    this.folder = mkdtempSync(join(tmpdir(), 'scrible-interop-'))
    this.database = join(this.folder, 't.db')
    this.port = 0
    this.log = ''
    running.add(this)
  }

  /** A server that is ready for clients. `env` adds settings. */
  static async start (env = {}) {
    const server = new Server(env)
    await server.restart()
    return server
  }

  /** Where clients connect. */
  get url () { return `ws://127.0.0.1:${this.port}` }

  /** Starts the next life on the same data, and on the same port after the first. */
  async restart () {
    const binary = process.env.SCRIBLE_BIN
    if (binary === undefined) throw new Error('set SCRIBLE_BIN to the server binary')
    const child = spawn(binary, [], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH,
        HOST: '127.0.0.1',
        PORT: String(this.port),
        DATABASE_URL: `sqlite:${this.database}`,
        ...this.env
      }
    })
    this.#child = child
    this.#exit = new Promise(resolve => child.once('exit', (code, signal) => resolve({ code, signal })))
    // Bounded: only the end of the log is of use where a test fails.
    const keep = chunk => { this.log = (this.log + chunk).slice(-20_000) }
    child.stderr.on('data', keep)
    child.stdout.on('data', keep)
    await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`the server did not start: ${this.log}`)), START_MS)
      createInterface({ input: child.stdout }).on('line', line => {
        const ready = /listening on ws:\/\/127\.0\.0\.1:(\d+)/.exec(line)
        if (ready === null) return
        clearTimeout(late)
        this.port = Number(ready[1])
        resolve()
      })
      child.once('error', reject)
      child.once('exit', code => {
        clearTimeout(late)
        reject(new Error(`the server ended with ${code} before it was ready: ${this.log}`))
      })
    })
  }

  /** Ends the process as a power cut would: nothing is flushed. */
  async kill () {
    this.#child.kill('SIGKILL')
    await this.#exit
  }

  /** Sends a signal to the process. */
  signal (name) {
    this.#child.kill(name)
  }

  /** Waits until the process stands still after a SIGSTOP. */
  async stands () {
    const state = () => readFileSync(`/proc/${this.#child.pid}/stat`, 'latin1').split(') ')[1][0]
    while (state() !== 'T') await new Promise(resolve => setTimeout(resolve, 1))
  }

  /** Asks the server to stop and gives its exit code. */
  async stop () {
    this.#child.kill('SIGTERM')
    return (await this.#exit).code
  }

  /** Runs a command of the program on the server's database, beside it: exit code and what it said. */
  async command (...args) {
    const child = spawn(process.env.SCRIBLE_BIN, args, {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, PORT: String(this.port), DATABASE_URL: `sqlite:${this.database}` }
    })
    const said = { stdout: [], stderr: [] }
    for (const name of ['stdout', 'stderr']) child[name].on('data', chunk => said[name].push(chunk))
    const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
    return { code, stdout: Buffer.concat(said.stdout), stderr: Buffer.concat(said.stderr).toString() }
  }

  /** What GET on a path answers. */
  async get (path) {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`)
    return { status: response.status, body: await response.text() }
  }

  /** Kills the process and deletes its data. */
  discard () {
    running.delete(this)
    this.#child?.kill('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Like `discard`, once the process is gone. */
  async end () {
    this.#child.kill('SIGKILL')
    await this.#exit
    this.discard()
  }
}
