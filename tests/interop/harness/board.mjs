// A board of any size, as several people draw it: the updates that their edits make, in the order in which they made them.
//
// Records in a map, an order in an array, a text, each of them written over and deleted by others than their author. The one rule:
// the same seed and size give the same updates; client ids are part of that.

import * as Y from 'yjs'

const AUTHORS = [1001, 2 ** 31 - 7, 2 ** 32 - 5]
const EDITS_IN_AN_UPDATE = 20
/** Random letters from which drawings are cut; drawing each letter would take longer than anything else here. */
const POOL_LETTERS = 64 << 10

/** `{ doc, updates, bytes }`: whose updates together weigh at least `least` bytes. */
export function board (random, least) {
  const pool = Array.from({ length: POOL_LETTERS }, () => String.fromCharCode(97 + random.below(26))).join('')
  const docs = AUTHORS.map(clientID => Object.assign(new Y.Doc(), { clientID }))
  const updates = []
  let bytes = 0
  docs.forEach(doc => doc.on('update', (update, origin) => {
    if (origin === 'told') return
    updates.push(update)
    bytes += update.length
    for (const other of docs) if (other !== doc) Y.applyUpdate(other, update, 'told')
  }))
  const keys = []
  let records = 0
  while (bytes < least) {
    const doc = random.pick(docs)
    doc.transact(() => {
      for (let edit = 0; edit < EDITS_IN_AN_UPDATE; edit++) change(doc)
    })
  }
  return { doc: docs[0], updates, bytes }

  function change (doc) {
    const [map, list, text] = [doc.getMap('map'), doc.getArray('list'), doc.getText('text')]
    const choice = random.below(100)
    if (choice < 60 || keys.length === 0) {
      const key = `shape:${records++}`
      keys.push(key)
      map.set(key, record(key))
    } else if (choice < 72) {
      const key = random.pick(keys)
      map.set(key, record(key))
    } else if (choice < 80) {
      const at = random.below(keys.length)
      map.delete(keys[at])
      keys[at] = keys.at(-1)
      keys.pop()
    } else if (choice < 90) {
      list.insert(random.below(list.length + 1), [{ layer: random.below(1000) }])
    } else if (choice < 94) {
      if (list.length > 0) list.delete(random.below(list.length), 1)
    } else if (choice < 98) {
      text.insert(random.below(text.length + 1), letters(8))
    } else if (text.length > 4) {
      text.delete(random.below(text.length - 4), 4)
    }
  }

  function record (id) {
    const ink = letters(random.chance(0.5) ? 200 : 3000)
    return { id, x: random.below(10_000), y: -random.below(10_000), name: 'zażółć 木 😀', ink }
  }

  function letters (count) {
    const at = random.below(POOL_LETTERS - count)
    return pool.slice(at, at + count)
  }
}
