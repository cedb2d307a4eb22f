// A cluster with a Redis, and nginx in front.
//
// The one rule: clients come through nginx and never see the nodes.

import { Cluster } from '../../interop/harness/cluster.mjs'
import { until } from '../../interop/harness/member.mjs'
import { Redis } from '../../interop/harness/redis.mjs'
import { Nginx } from './nginx.mjs'

export class Proxied {
  #redis
  #cluster

  /** So many nodes, once nginx reaches them. `env` adds settings. */
  static async start (count, env = {}) {
    const proxied = new Proxied()
    proxied.#redis = await Redis.start()
    try {
      proxied.#cluster = await Cluster.start(count, proxied.#redis.url, { SCRIBLE_TRUSTED_PROXIES: '127.0.0.1', ...env })
      proxied.nginx = await Nginx.start(proxied.nodes.map(({ port }) => port))
    } catch (error) {
      await proxied.#cluster?.end()
      await proxied.#redis.end()
      throw error
    }
    return proxied
  }

  get nodes () { return this.#cluster.nodes }
  /** Where clients connect. */
  get url () { return this.nginx.url }
  /** What the parts said last, for messages about failures. */
  get log () { return `nginx: ${this.nginx.errors}\n${this.#cluster.log}` }

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
    await this.nginx.end()
    await this.#cluster.end()
    await this.#redis.end()
  }
}

/** Waits until a node can be sent newcomers. */
export async function ready (node) {
  await until(async () => (await node.get('/health/ready')).status === 200, () => 'a node does not get ready')
}
