// An idle socket is not dropped: Yjs clients close a connection on which no message came for 30 s, and do not count pings.
//
// All versions wait at the same time, with no presence whose renewal would keep the socket alive. The one place where waiting by
// the clock is the test itself.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Implementation, NODE_VERSIONS } from './harness/peers.mjs'
import { Server } from './harness/server.mjs'

/** Clients look every 3 s whether the last message is older than 30 s. */
const IDLE_MS = 40_000

test('W7: no client version drops an idle socket', async () => {
  const server = await Server.start()
  const all = NODE_VERSIONS.map(name => new Implementation(name))
  try {
    const peers = await Promise.all(all.map(clients => clients.open(server.url, `idle/${clients.name}`, { presence: null })))
    await Promise.all(peers.map(peer => peer.until('synced')))
    await delay(IDLE_MS)
    for (const peer of peers) {
      const { opens, closes } = await peer.facts()
      assert.deepEqual({ opens: opens.length, closes }, { opens: 1, closes: [] }, peer.implementation.name)
    }
  } finally {
    await Promise.all(all.map(clients => clients.end()))
    await server.end()
  }
})
