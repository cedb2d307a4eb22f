// Starts nginx with the configuration that is delivered, in front of ports of this machine.
//
// Knows what differs here: where it listens, where it may write, and which nodes there are. The one rule: everything else is used as it is,
// and what is to be replaced has to be there.

import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { until } from '../../interop/harness/member.mjs'
import { freePort } from '../../interop/harness/port.mjs'

const DELIVERED = fileURLToPath(new URL('../../../deploy/nginx/', import.meta.url))
const PROGRAM = process.env.NGINX ?? 'nginx'
const running = new Set()
process.on('exit', () => {
  for (const nginx of running) nginx.discard()
})

export class Nginx {
  #child = null
  #exit = null

  constructor (port, nodes) {
    this.port = port
    this.folder = mkdtempSync(join(tmpdir(), 'scrible-nginx-'))
    // Its workers are another user where this one is root.
    chmodSync(this.folder, 0o755)
    const replaced = (name, ...replacements) => {
      let text = readFileSync(join(DELIVERED, name), 'utf8')
      for (const [delivered, here] of replacements) {
        if (!text.includes(delivered)) throw new Error(`${name} has no "${delivered}"`)
        text = text.replaceAll(delivered, here)
      }
      writeFileSync(join(this.folder, name), text)
    }
    replaced('nginx.conf', ['listen 8080;', `listen 127.0.0.1:${port};`], [' /tmp/', ` ${this.folder}/`])
    const line = port => `server 127.0.0.1:${port} max_fails=0;`
    const lines = ['server node1:3001 max_fails=0;', 'server node2:3001 max_fails=0;']
    replaced('nodes.conf', [lines[0], nodes.map(line).join('\n')], [lines[1], ''])
    running.add(this)
  }

  /** nginx in front of nodes on these ports, once it listens. */
  static async start (nodes) {
    const nginx = new Nginx(await freePort(), nodes)
    // Files, because nginx opens /dev/stdout by name, and a socket cannot be opened.
    const [out, err] = ['access', 'error'].map(name => openSync(join(nginx.folder, name), 'a'))
    const stdio = ['ignore', out, err]
    const test = spawnSync(PROGRAM, nginx.#arguments('-t'), { stdio })
    if (test.status !== 0) throw new Error(`nginx -t: ${test.error ?? nginx.errors}`)
    nginx.#child = spawn(PROGRAM, nginx.#arguments('-g', 'daemon off;'), { stdio })
    closeSync(out)
    closeSync(err)
    nginx.#exit = new Promise((resolve, reject) => nginx.#child.once('error', reject).once('exit', resolve))
    await until(() => reaches(nginx.port), () => `nginx does not listen: ${nginx.errors}`)
    return nginx
  }

  /** Where clients connect. */
  get url () { return `ws://127.0.0.1:${this.port}` }

  /** What it has logged of requests that have ended. */
  get requests () {
    return readFileSync(join(this.folder, 'access'), 'utf8').split('\n').slice(0, -1).map(line => JSON.parse(line))
  }

  /** What it has logged besides. */
  get errors () { return readFileSync(join(this.folder, 'error'), 'utf8') }

  #arguments (...more) {
    return ['-c', join(this.folder, 'nginx.conf'), '-p', this.folder, ...more]
  }

  /** Stops it at once and deletes its folder. */
  async end () {
    // On SIGTERM it ends its workers; on SIGKILL it could not.
    this.#child.kill('SIGTERM')
    await this.#exit
    this.discard()
  }

  discard () {
    running.delete(this)
    this.#child?.kill('SIGTERM')
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function reaches (port) {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    const end = reached => { socket.destroy(); resolve(reached) }
    socket.once('connect', () => end(true)).once('error', () => end(false))
  })
}
