// People who draw all the time, and what a room must hold because of them.
//
// An echo is recorded where it arrives, at the author's socket. The one rule: a room is judged from a doc that has never seen it.

import assert from 'node:assert/strict'
import * as Y from 'yjs'
import { canonical } from './canonical.mjs'
import { shown } from './edits.mjs'
import { Member, until } from './member.mjs'
import { Raw } from './raw.mjs'

/** A person who draws, and what came back of it. */
export class Painter {
  /** The updates that came back, in the order in which they did. */
  echoes = []
  drawing = false

  constructor (url, room, version) {
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

/** Holds what a cold joiner gets against every echo there ever was; gives the doc that it got. */
export async function judge (server, room, painters) {
  // What comes back from now on need not be in what is joined now.
  const echoed = painters.map(({ member, echoes }) => ({ member, echoes: [...echoes] }))
  const raw = await Raw.join(`${server.url}/${room}`)
  const cold = new Y.Doc()
  // A large answer comes in parts.
  for (const { kind, body } of raw.messages.flat()) if (kind === 'update' || kind === 'step2') Y.applyUpdate(cold, body)
  await raw.close()
  assert.equal(cold.store.pendingStructs, null)
  assert.equal(cold.store.pendingDs, null)
  const deleted = Y.createDeleteSetFromStructStore(cold.store)
  for (const { member, echoes } of echoed) {
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
  return cold
}

/** Waits until all of a room's painters see the same. */
export async function converge (painters) {
  const docs = painters.map(({ member }) => member.doc)
  await until(() => new Set(docs.map(doc => canonical(shown(doc)))).size === 1, () => `${painters[0].room} does not converge`)
}
