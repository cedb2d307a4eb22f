// Several nodes on one Postgres database, and on one Redis where there is one.
//
// Knows where Postgres is by SCRIBLE_TEST_POSTGRES_URL. The one rule: each cluster has a database and a prefix in Redis of its own, so that
// tests run side by side, and leaves no database behind.

import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { NO_REDIS } from './redis.mjs'
import { Server } from './server.mjs'

const POSTGRES = process.env.SCRIBLE_TEST_POSTGRES_URL
/** Why tests that need several nodes cannot run; `false` where they can. */
export const LACKING = POSTGRES === undefined ? 'set SCRIBLE_TEST_POSTGRES_URL to run this' : NO_REDIS

/** Nodes, numbered from 0. */
export class Cluster {
  nodes = []

  /** `redis`: by which the nodes reach it, `null` for nodes without one. */
  static async start (count, redis, env = {}) {
    const cluster = new Cluster()
    cluster.name = `scrible_${randomBytes(6).toString('hex')}`
    await asked(POSTGRES, `CREATE DATABASE ${cluster.name}`)
    cluster.database = named(POSTGRES, cluster.name)
    cluster.env = {
      DATABASE_URL: cluster.database,
      ...(redis === null ? {} : { REDIS_URL: redis, SCRIBLE_REDIS_PREFIX: cluster.name }),
      ...env
    }
    try {
      for (let at = 0; at < count; at++) cluster.nodes.push(await Server.start(cluster.env))
    } catch (error) {
      await cluster.end()
      throw error
    }
    return cluster
  }

  get urls () { return this.nodes.map(({ url }) => url) }
  get log () { return this.nodes.map(({ log }, at) => `node ${at}: ${log.slice(-1500)}`).join('\n') }

  /** Asks the database. */
  async ask (sql, values) {
    return (await asked(this.database, sql, values)).rows
  }

  /** The rows of a room, in order, and its head. */
  async rows (room) {
    const rows = await this.ask(
      'SELECT u.seq, u.bytes, h.head FROM rooms r JOIN room_heads h ON h.room = r.id JOIN room_updates u ON u.room = r.id WHERE r.name = $1 ORDER BY u.seq',
      [room]
    )
    return rows.map(({ seq, bytes, head }) => ({ seq: Number(seq), bytes: new Uint8Array(bytes), head: Number(head) }))
  }

  /** The snapshots of a room, newest first. */
  async snapshots (room) {
    const found = await this.ask(
      'SELECT s.version, s.seq, s.data FROM rooms r JOIN room_snapshots s ON s.room = r.id WHERE r.name = $1 ORDER BY s.version DESC', [room]
    )
    return found.map(({ version, seq, data }) => ({ version: Number(version), seq: Number(seq), data: new Uint8Array(data) }))
  }

  /** Ends all nodes as a power cut would. */
  async killAll () {
    await Promise.all(this.nodes.map(node => node.kill()))
  }

  async end () {
    await Promise.all(this.nodes.map(node => node.end()))
    await asked(POSTGRES, `DROP DATABASE IF EXISTS ${this.name} WITH (FORCE)`)
  }
}

/** A database's URL with another name in it. */
function named (url, name) {
  const other = new URL(url)
  other.pathname = `/${name}`
  return other.href
}

async function asked (url, sql, values) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await client.query(sql, values)
  } finally {
    await client.end()
  }
}
