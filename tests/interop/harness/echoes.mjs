// What came back to its author, recorded where it arrives, and what a room must hold because of it.
//
// The one rule: a room is judged from a doc that has never seen it.

import assert from 'node:assert/strict'
import * as Y from 'yjs'
import { Raw } from './raw.mjs'

/** The echoes of one client. */
export class Echoes {
  /** The updates that came back, in the order in which they did. */
  heard = []
  #sent = new Set()

  /** To be told of every message that the client gets. */
  onMessage = message => {
    if (message.kind === 'update' && this.#sent.delete(key(message.body))) this.heard.push(message.body)
  }

  /** Notes the edits of a doc that its author made. */
  watch (doc, isOwn) {
    doc.on('update', (update, origin) => {
      if (isOwn(origin)) this.#sent.add(key(update))
    })
  }
}

function key (update) {
  return Buffer.from(update).toString('base64')
}

/** The doc that a cold joiner gets of a room. */
export async function joined (url, room) {
  const raw = await Raw.join(`${url}/${room}`)
  const cold = new Y.Doc()
  // A large answer comes in parts.
  for (const { kind, body } of raw.messages.flat()) if (kind === 'update' || kind === 'step2') Y.applyUpdate(cold, body)
  await raw.close()
  assert.equal(cold.store.pendingStructs, null)
  assert.equal(cold.store.pendingDs, null)
  return cold
}

/** Holds a doc against echoes: everything in them must be there. */
export function holds (cold, name, echoes) {
  const deleted = Y.createDeleteSetFromStructStore(cold.store)
  for (const echo of echoes) {
    const { structs, ds } = Y.decodeUpdate(echo)
    for (const { id, length } of structs) {
      assert.ok(Y.getState(cold.store, id.client) >= id.clock + length, `${name}: ${id.client}:${id.clock} is lost`)
    }
    for (const [client, ranges] of ds.clients) {
      for (const { clock, len } of ranges) {
        for (let at = clock; at < clock + len; at++) {
          assert.ok(Y.isDeleted(deleted, Y.createID(client, at)), `${name}: the delete of ${client}:${at} is lost`)
        }
      }
    }
  }
}
