// Twenty times: people draw, the server is killed in the middle, and whatever had come back to its author is there after a cold start.
//
// An echo is recorded where it arrives, at the author's socket. What was sent but not echoed may be lost by the server; the clients
// still have it and bring it back. The one rule: the room is judged from a doc that has never seen it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { canonical } from './harness/canonical.mjs'
import { shown } from './harness/edits.mjs'
import { Member, until } from './harness/member.mjs'
import { Random } from './harness/random.mjs'
import { Raw } from './harness/raw.mjs'
import { Server } from './harness/server.mjs'

const ROUNDS = Number(process.env.ROUNDS ?? 20)
const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 32)
const ROOMS = ['kill9/one', 'kill9/two']
/** How long people draw before the server may be killed, at most. */
const DRAW_MS = 250

test(`J4 K7: ${ROUNDS} times kill -9: no echoed update is lost (SEED=${SEED})`, async t => {
  const random = new Random(SEED)
  // Rooms are compacted all the time, so that some kills fall into that.
  const server = await Server.start({ SCRIBLE_COMPACT_ROWS: '50', SCRIBLE_VERSION_INTERVAL_SECONDS: '1' })
  const painters = ROOMS.flatMap((room, at) => ['1.5.4', '3.1.0'].map(version => new Painter(server.url, room, version, at)))
  try {
    for (let round = 0; round < ROUNDS; round++) {
      for (const { member } of painters) member.provider.connect()
      await until(() => painters.every(({ member }) => member.joined), () => 'not everybody came back')
      const before = painters.map(({ echoes }) => echoes.length)
      const drawing = painters.map(painter => painter.draw(random))
      // From the first echo on, so that no round is empty.
      await until(() => painters.every(({ echoes }, at) => echoes.length > before[at]), () => 'nothing was echoed')
      await new Promise(resolve => setTimeout(resolve, random.below(DRAW_MS)))
      await server.kill()
      // Frames that are still on their way to a client were sent by the server: they count.
      await until(() => painters.every(({ member }) => !member.provider.wsconnected), () => 'a socket outlived the server')
      for (const { member } of painters) member.provider.disconnect()
      painters.forEach(painter => { painter.drawing = false })
      await Promise.all(drawing)
      await server.restart()
      await Promise.all(ROOMS.map(room => judge(server, room, painters.filter(painter => painter.room === room))))
    }
    for (const { member } of painters) member.provider.connect()
    for (const room of ROOMS) {
      const docs = painters.filter(painter => painter.room === room).map(({ member }) => member.doc)
      await until(() => new Set(docs.map(doc => canonical(shown(doc)))).size === 1, () => `${room} does not converge`)
    }
    t.diagnostic(`${painters.reduce((sum, { echoes }) => sum + echoes.length, 0)} echoed updates were there`)
  } catch (error) {
    error.message = `SEED=${SEED}: ${error.message}\nthe server said: ${server.log.slice(-2000)}`
    throw error
  } finally {
    for (const { member } of painters) member.end()
    await server.end()
  }
})

/** A person who draws, and what came back of it. */
class Painter {
  /** The updates that came back, in the order in which they did. */
  echoes = []
  drawing = false

  constructor (url, room, version, number) {
    this.room = room
    this.sent = new Set()
    this.member = new Member(`${room} ${version}`, version, url, room, {
      onMessage: message => {
        if (message.kind === 'update' && this.sent.delete(Buffer.from(message.body).toString('base64'))) this.echoes.push(message.body)
      }
    })
    this.member.doc.on('update', (update, origin) => {
      if (origin === this) this.sent.add(Buffer.from(update).toString('base64'))
    })
  }

  /** Draws until it is told to stop. */
  async draw (random) {
    const { doc } = this.member
    const [map, list] = [doc.getMap('map'), doc.getArray('list')]
    this.drawing = true
    while (this.drawing) {
      doc.transact(() => {
        map.set(`shape ${random.below(50)}`, { x: random.next(), y: random.next() })
        list.push([random.below(1000)])
        if (list.length > 100) list.delete(random.below(50), 20)
      }, this)
      await new Promise(resolve => setTimeout(resolve, random.below(6)))
    }
  }
}

/** Holds what a cold joiner gets against every echo there ever was. */
async function judge (server, room, painters) {
  const raw = await Raw.join(`${server.url}/${room}`)
  const cold = new Y.Doc()
  Y.applyUpdate(cold, raw.of('step2')[0].body)
  await raw.close()
  assert.equal(cold.store.pendingStructs, null)
  assert.equal(cold.store.pendingDs, null)
  const deleted = Y.createDeleteSetFromStructStore(cold.store)
  for (const { member, echoes } of painters) {
    for (const echo of echoes) {
      const { structs, ds } = Y.decodeUpdate(echo)
      for (const { id, length } of structs) {
        assert.ok(Y.getState(cold.store, id.client) >= id.clock + length, `${member.name}: ${id.client}:${id.clock} is lost`)
      }
      for (const [client, ranges] of ds.clients) {
        for (const { clock, len } of ranges) {
          for (let at = clock; at < clock + len; at++) {
            assert.ok(Y.isDeleted(deleted, Y.createID(client, at)), `${member.name}: the delete of ${client}:${at} is lost`)
          }
        }
      }
    }
  }
}
