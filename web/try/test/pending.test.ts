import { ok, strictEqual } from 'node:assert/strict'
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

test('it may come back merged with others', () => {
  const { list, pending, sent } = page()
  const other = new Y.Doc()
  other.getArray('list').push(['theirs'])
  list.push(['one', 'two', 'three'])
  list.delete(0)
  list.push(['four'])
  strictEqual(pending.count, 3)
  pending.heard(Y.mergeUpdates([sent[0]!, sent[1]!, Y.encodeStateAsUpdate(other)]))
  strictEqual(pending.count, 1)
  pending.heard(sent[2]!)
  strictEqual(pending.count, 0)
})

test('deletions come back in parts and in any order', () => {
  const { doc, list, pending, sent } = page()
  list.push(['one', 'two', 'three', 'four', 'five'])
  pending.heard(sent[0]!)
  list.delete(1, 3)
  const deletes = ([clock, length]: [number, number]) => {
    const copy = new Y.Doc()
    Y.applyUpdate(copy, sent[0]!)
    const before = Y.encodeStateVector(copy)
    copy.getArray('list').delete(clock, length)
    return Y.encodeStateAsUpdate(copy, before)
  }
  strictEqual(pending.count, 1)
  pending.heard(deletes([3, 1]))
  pending.heard(deletes([1, 1]))
  strictEqual(pending.count, 1)
  pending.heard(deletes([2, 1]))
  strictEqual(pending.count, 0)
  strictEqual(doc.getArray('list').length, 2)
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

test('after a broken line a little of what the server has is sent again, and what comes of it says all', () => {
  const { doc, list, pending, sent } = page()
  list.push(['arrived', 'x'.repeat(200_000)])
  list.push(['arrived too', 'x'.repeat(200_000), 'its end'])
  list.push(['lost'])
  const server = new Y.Doc()
  Y.applyUpdate(server, sent[0]!)
  Y.applyUpdate(server, sent[1]!)
  const again = pending.again(Y.decodeStateVector(Y.encodeStateVector(server)))!
  ok(again.length < 100, `${again.length} bytes`)
  pending.heard(again)
  strictEqual(pending.count, 1)
  strictEqual(pending.again(new Map()), null)
  pending.heard(Y.encodeStateAsUpdate(doc, Y.encodeStateVector(server)))
  strictEqual(pending.count, 0)
})

test('deletions are sent again, because nobody can tell from clocks whether they arrived', () => {
  const { list, pending, sent } = page()
  list.push(['one', 'two'])
  pending.heard(sent[0]!)
  list.delete(0)
  pending.heard(pending.again(new Map())!)
  strictEqual(pending.count, 0)
})
