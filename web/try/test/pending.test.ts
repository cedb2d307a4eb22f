import { strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { Pending } from '../src/net/pending'

/** A page and what it sent, one entry for each edit. */
function page() {
  const doc = new Y.Doc()
  const pending = new Pending(() => doc.clientID)
  const sent: Uint8Array[] = []
  doc.on('update', (update: Uint8Array, origin: unknown) => {
    if (origin === 'server') return
    pending.wrote(update)
    sent.push(update)
  })
  return { doc, list: doc.getArray<string>('list'), pending, sent }
}

test('an edit is saved when it comes back, not before', () => {
  const { list, pending, sent } = page()
  list.push(['one'])
  list.push(['two'])
  strictEqual(pending.count, 2)
  pending.heard(sent[0]!)
  strictEqual(pending.count, 1)
  pending.heard(sent[1]!)
  strictEqual(pending.count, 0)
})

test('it may come back merged with others, or in parts', () => {
  const { doc, list, pending, sent } = page()
  const other = new Y.Doc()
  other.getArray('list').push(['theirs'])
  list.push(['one', 'two', 'three'])
  list.delete(0)
  strictEqual(pending.count, 2)
  pending.heard(Y.mergeUpdates([...sent, Y.encodeStateAsUpdate(other)]))
  strictEqual(pending.count, 0)

  list.push(['four', 'five'])
  const [update] = sent.slice(-1)
  const half = Y.diffUpdate(update!, Y.encodeStateVector(new Map([[doc.clientID, 4]])))
  pending.heard(half)
  strictEqual(pending.count, 1)
  pending.heard(update!)
  strictEqual(pending.count, 0)
})

test('a deletion is saved when the deletion comes back, not when what it deleted does', () => {
  const { list, pending, sent } = page()
  list.push(['one'])
  list.delete(0)
  pending.heard(sent[0]!)
  strictEqual(pending.count, 1)
  pending.heard(sent[1]!)
  strictEqual(pending.count, 0)
})

test('what others write says nothing about own edits', () => {
  const { doc, list, pending } = page()
  list.push(['mine'])
  const other = new Y.Doc()
  other.getArray('list').push(['theirs'])
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(other), 'server')
  pending.heard(Y.encodeStateAsUpdate(other))
  strictEqual(pending.count, 1)
})

test('after a broken line only that is sent again which the server has, because the rest goes by itself', () => {
  const { doc, list, pending, sent } = page()
  list.push(['arrived'])
  list.push(['lost'])
  const server = new Y.Doc()
  Y.applyUpdate(server, sent[0]!)
  const again = pending.again(Y.decodeStateVector(Y.encodeStateVector(server)))
  strictEqual(Y.decodeStateVector(Y.encodeStateVectorFromUpdate(again!)).get(doc.clientID), 1)
  pending.heard(again!)
  strictEqual(pending.count, 1)
  strictEqual(pending.again(new Map()), null)
  pending.heard(Y.encodeStateAsUpdate(doc, Y.encodeStateVector(server)))
  strictEqual(pending.count, 0)
})
