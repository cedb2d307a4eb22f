// Several nodes on one Postgres database, with nginx in front.
//
// Knows the programs' contracts only. The one rule: what a cluster has made, its `end` takes away: processes, folders and the database.

import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { until } from '../../interop/harness/member.mjs'
import { Server } from '../../interop/harness/server.mjs'
import { Nginx } from './nginx.mjs'

/** Names a Postgres server on which databases may be made. */
const POSTGRES = 'SCRIBLE_TEST_POSTGRES_URL'

export class Cluster {
  nodes = []
  nginx = null
  #database = `deploy_${randomBytes(8).toString('hex')}`

  /** So many nodes, once nginx reaches them. `env` adds settings. */
  static async start (many, env = {}) {
    const cluster = new Cluster()
    sql(`CREATE DATABASE ${cluster.#database}`)
    const url = new URL(given())
    url.pathname = `/${cluster.#database}`
    try {
      for (let at = 0; at < many; at++) {
        const settings = { DATABASE_URL: url.href, SCRIBLE_TRUSTED_PROXIES: '127.0.0.1', ...env }
        cluster.nodes.push(await Server.start(settings))
      }
      cluster.nginx = await Nginx.start(cluster.nodes.map(node => node.port))
    } catch (error) {
      await cluster.end()
      throw error
    }
    return cluster
  }

  /** Where clients connect. */
  get url () { return this.nginx.url }

  /** What each node says of itself; `null` of one that does not answer. */
  health () {
    return Promise.all(this.nodes.map(async node => {
      try {
        return JSON.parse((await node.get('/health')).body)
      } catch {
        return null
      }
    }))
  }

  async end () {
    await this.nginx?.end()
    await Promise.all(this.nodes.map(node => node.end()))
    sql(`DROP DATABASE ${this.#database} WITH (FORCE)`)
  }

  /** What the parts said last, for messages about failures. */
  get log () {
    return [this.nginx?.errors, ...this.nodes.map(node => node.log.slice(-2000))].join('\n')
  }
}

/** Waits until a node can be sent newcomers. */
export async function ready (node) {
  await until(async () => (await node.get('/health/ready')).status === 200, () => 'a node does not get ready')
}

function given () {
  const url = process.env[POSTGRES]
  if (url === undefined) throw new Error(`set ${POSTGRES} to a Postgres server on which databases may be made`)
  return url
}

function sql (statement) {
  const said = spawnSync('psql', ['-qX', '-v', 'ON_ERROR_STOP=1', '-c', statement, given()], { encoding: 'utf8' })
  if (said.status !== 0) throw new Error(`${statement}: ${said.error ?? said.stderr}`)
}
