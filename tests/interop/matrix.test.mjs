// Every client version against the server: sync, offline merge, late join, presence, close codes, restarts, mixed rooms.
//
// Each implementation runs in a process of its own; what it shows to its user is all that is looked at here. The one rule: wait for
// what a client sees, never for time to pass.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { canonical } from './harness/canonical.mjs'
import { IMPLEMENTATIONS, Implementation } from './harness/peers.mjs'
import { Server } from './harness/server.mjs'

/** Presence must be exact within one round trip; this is that, on a loaded machine. */
const PRESENCE_MS = 1000
/** A sync update that declares five bytes and has one. */
const MALFORMED = '00020501'
/** How long an old client that comes back after every close must at least be held. */
const HOLD_MS = 2000
/** A timer of the server may fire a little before a timer of the test says so. */
const SLACK_MS = 50

const empty = { map: {}, list: [], text: '' }

describe('matrix', { concurrency: 3 }, () => {
  let server
  before(async () => { server = await Server.start() })
  after(() => server.end())

  for (const name of IMPLEMENTATIONS) {
    describe(name, () => {
      let clients
      before(() => { clients = new Implementation(name) })
      after(() => clients.end())

      /** Two synced peers in a room of their own. */
      async function pair (room, on = server) {
        const a = await clients.open(on.url, `${name}/${room}`, { presence: { name: 'a' } })
        const b = await clients.open(on.url, `ws/${name}/${room}`, { presence: { name: 'b' } })
        await a.until('synced')
        await b.until('synced')
        return [a, b]
      }
      const both = (a, b, what) => Promise.all([a, b].map(peer => peer.until('content', what)))
      /** Two peers that know each other's latest clock: the state in which a return is slow with servers that do nothing about it. */
      async function acquainted (room) {
        const [a, b] = await pair(room)
        await Promise.all([seesOther(b, a, { name: 'a' }), seesOther(a, b, { name: 'b' })])
        await b.presence({ name: 'b', known: true })
        await seesOther(a, b, { name: 'b', known: true })
        await a.presence({ name: 'a', known: true })
        await seesOther(b, a, { name: 'a', known: true })
        return [a, b]
      }
      const seesOther = (viewer, other, state, within = PRESENCE_MS) =>
        viewer.until('sees', { client: other.client, state }, within)

      test('two clients see each other\'s edits and deletions', async () => {
        const [a, b] = await pair('sync')
        await a.edit(['set', 'k', 'from a'], ['write', 0, 'zażółć 😀'])
        await both(a, b, { ...empty, map: { k: 'from a' }, text: 'zażółć 😀' })
        await b.edit(['push', 'x'], ['push', 'y'], ['set', 'k', 'from b'], ['erase', 0, 3])
        await both(a, b, { map: { k: 'from b' }, list: ['x', 'y'], text: 'ółć 😀' })
        await a.edit(['unset', 'k'], ['remove', 0])
        await both(a, b, { map: {}, list: ['y'], text: 'ółć 😀' })
        await a.close()
        await b.close()
      })

      test('edits made offline on both sides merge', async () => {
        const [a, b] = await pair('offline')
        await a.edit(['push', 'before'], ['set', 'gone', 'x'])
        await both(a, b, { ...empty, map: { gone: 'x' }, list: ['before'] })
        await a.disconnect()
        await a.until('unsynced')
        await a.edit(['set', 'a', 'offline'], ['remove', 0], ['push', 'a'])
        await b.edit(['set', 'b', 'online'], ['unset', 'gone'])
        await a.connect()
        await both(a, b, { ...empty, map: { a: 'offline', b: 'online' }, list: ['a'] })
        await a.close()
        await b.close()
      })

      test('W5: who joins late gets everything, also after all others left', async () => {
        const [a, b] = await pair('late')
        await a.edit(['set', 'k', 'v'], ['write', 0, 'text'])
        await both(a, b, { ...empty, map: { k: 'v' }, text: 'text' })
        const late = await clients.open(server.url, `${name}/late`)
        await late.until('content', { ...empty, map: { k: 'v' }, text: 'text' })
        for (const peer of [a, b, late]) await peer.close()
        const last = await clients.open(server.url, `${name}/late`)
        await last.until('content', { ...empty, map: { k: 'v' }, text: 'text' })
        await last.close()
      })

      test('A1 A7: a cursor is seen, moves, and is gone when its client leaves', async () => {
        const [a, b] = await pair('presence')
        await seesOther(a, b, { name: 'b' })
        await seesOther(b, a, { name: 'a' })
        await a.presence({ name: 'a', cursor: { x: 1, y: 2 } })
        await seesOther(b, a, { name: 'a', cursor: { x: 1, y: 2 } })
        await a.disconnect()
        await seesOther(b, a, null)
        await a.close()
        await b.close()
      })

      test('A4: after a goodbye and a return both sides see each other at once', async () => {
        const [a, b] = await acquainted('return')
        await a.disconnect()
        await seesOther(b, a, null)
        await a.until('unsynced')
        await a.connect()
        await a.until('opens', 2)
        await Promise.all([seesOther(b, a, { name: 'a', known: true }), seesOther(a, b, { name: 'b', known: true })])
        await b.presence({ name: 'b', moved: 'once' })
        await seesOther(a, b, { name: 'b', moved: 'once' })
        await a.close()
        await b.close()
      })

      test('A4: after a lost connection both sides see each other at once', async () => {
        const [a, b] = await acquainted('lost')
        await a.drop()
        await a.until('opens', 2)
        await a.until('synced')
        await Promise.all([seesOther(b, a, { name: 'a', known: true }), seesOther(a, b, { name: 'b', known: true })])
        await a.presence({ name: 'a', moved: 'once' })
        await seesOther(b, a, { name: 'a', moved: 'once' })
        await b.presence({ name: 'b', moved: 'once' })
        await seesOther(a, b, { name: 'b', moved: 'once' })
        await a.close()
        await b.close()
      })

      test('A3 A7: who came back and then dies without a goodbye leaves no ghost', async () => {
        const [a, b] = await pair('ghost')
        await seesOther(b, a, { name: 'a' })
        await a.drop()
        await a.until('opens', 2)
        await a.until('synced')
        await a.presence({ name: 'a', life: 'second' })
        await seesOther(b, a, { name: 'a', life: 'second' })
        await a.die()
        await seesOther(b, a, null)
        await a.close()
        await b.close()
      })

      test('S1 J4: clients come back to a restarted server with what they did meanwhile', async () => {
        const own = await Server.start()
        try {
          const [a, b] = await pair('restart', own)
          await a.edit(['set', 'before', 'x'])
          await both(a, b, { ...empty, map: { before: 'x' } })
          assert.equal(await own.stop(), 0, own.log)
          await a.until('unsynced')
          await a.edit(['set', 'down', 'a'])
          await b.edit(['push', 'b'])
          await own.restart()
          await both(a, b, { ...empty, map: { before: 'x', down: 'a' }, list: ['b'] })
          await own.kill()
          await b.edit(['unset', 'before'])
          await own.restart()
          await both(a, b, { ...empty, map: { down: 'a' }, list: ['b'] })
          const late = await clients.open(own.url, `${name}/restart`)
          await late.until('content', { ...empty, map: { down: 'a' }, list: ['b'] })
          for (const peer of [a, b, late]) await peer.close()
        } finally {
          await own.end()
        }
      })

      test('C2: a malformed message is answered by 4400, and nobody returns ten times a second', async () => {
        const own = await Server.start()
        try {
          const bad = await clients.open(own.url, 'bad', { poison: MALFORMED })
          if (name === '3.1.0') {
            await bad.until('stopped')
            const { opens, closes } = await bad.facts()
            assert.equal(opens.length, 1)
            assert.equal(closes[0].code, 4400)
          } else {
            await bad.until('opens', 3, 30_000)
            const { opens, closes } = await bad.facts()
            assert.deepEqual(closes.slice(0, 2).map(({ code }) => code), [4400, 4400])
            for (const [at, { at: closed }] of closes.slice(0, 2).entries()) {
              assert.ok(closed - opens[at] >= HOLD_MS - SLACK_MS, `held ${closed - opens[at]} ms`)
            }
          }
          await bad.close()
        } finally {
          await own.end()
        }
      })
    })
  }
})

test('all versions in one room converge and see each other', async () => {
  const server = await Server.start()
  const all = IMPLEMENTATIONS.map(name => new Implementation(name))
  try {
    const peers = await Promise.all(all.map(clients =>
      clients.open(server.url, 'mixed', { presence: { name: clients.name } })))
    await Promise.all(peers.map(peer => peer.until('synced')))
    for (const peer of peers) {
      const { name } = peer.implementation
      await peer.edit(['set', name, 'here'], ['push', name], ['write', 0, `<${name}>`])
    }
    /** Everybody has the same, and it is what one of them has once it holds what all have done. */
    async function agree (holders, map) {
      const [first, ...rest] = holders
      let content = await first.content()
      const deadline = Date.now() + 10_000
      while (canonical(content.map) !== canonical(map) || content.list.length !== Object.keys(map).length) {
        assert.ok(Date.now() < deadline, `not all edits arrived: ${canonical(content)}`)
        await first.until('received', 0)
        content = await first.content()
      }
      await Promise.all(rest.map(peer => peer.until('content', content)))
      return content
    }
    const map = Object.fromEntries(IMPLEMENTATIONS.map(name => [name, 'here']))
    const content = await agree(peers, map)
    for (const name of IMPLEMENTATIONS) assert.ok(content.text.includes(`<${name}>`), content.text)
    await Promise.all(peers.flatMap(viewer => peers.filter(peer => peer !== viewer).map(peer =>
      viewer.until('sees', { client: peer.client, state: { name: peer.implementation.name } }))))

    await Promise.all(peers.map(peer => peer.disconnect()))
    await Promise.all(peers.map(peer => peer.until('unsynced')))
    for (const peer of peers) {
      const { name } = peer.implementation
      await peer.edit(['set', `${name} offline`, name], ['push', `${name} offline`])
      map[`${name} offline`] = name
    }
    await server.kill()
    await server.restart()
    await Promise.all(peers.map(peer => peer.connect()))
    const late = await Promise.all(all.map(clients => clients.open(server.url, 'mixed')))
    await agree([...peers, ...late], map)
  } finally {
    await Promise.all(all.map(clients => clients.end()))
    await server.end()
  }
})
