// Bringing back what a doc showed earlier, judged by Yjs: whatever the doc worker answers must make a Yjs doc show it.
//
// Docs are made by Yjs as editors make them, and random ones on top. SEED and SEEDS widen the random part. The one rule:
// every update is applied to a doc of its own, and what that shows is compared as a whole.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import * as Y from 'yjs'
import { Random } from './harness/random.mjs'
import { edit, plain, roots, setEntry, shown } from './harness/rich.mjs'
import { Worker } from './harness/worker.mjs'

const FROM = Number(process.env.SEED ?? 1)
const SEEDS = Number(process.env.SEEDS ?? 60)

let worker
before(() => { worker = new Worker() })
after(() => worker.end())

/** A doc of these updates, of which nothing waits for anything. */
function docOf (...updates) {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  assert.equal(doc.store.pendingStructs, null)
  assert.equal(doc.store.pendingDs, null)
  return doc
}

/**
 * Makes a version with `first`, goes on with `then`, brings the version back, and then what there was before that. Returns
 * the first answer and the doc after it.
 */
async function undo (first, then, show = shown) {
  const doc = new Y.Doc()
  doc.transact(() => first(doc))
  const target = Y.encodeStateAsUpdate(doc)
  doc.transact(() => then(doc))
  const current = Y.encodeStateAsUpdate(doc)
  const answer = await restored(current, target, show)
  const restoredDoc = docOf(current, ...answer.updates)
  await restored(Y.encodeStateAsUpdate(restoredDoc), current, show)
  return { ...answer, doc: restoredDoc }
}

/** Brings a version back and lets Yjs judge. */
async function restored (current, target, show = shown) {
  const { update, changes, left } = await worker.restore([current], [target])
  assert.deepEqual(left, [])
  const updates = update === null ? [] : [update]
  assert.deepEqual(show(docOf(current, ...updates)), show(docOf(target)))
  return { updates, changes, bytes: update?.length ?? 0 }
}

test('a tldraw board: records in a list of keys and values', async () => {
  const record = n => ({ id: `shape:${n}`, typeName: 'shape', x: n / 3, y: -0, rotation: 0, props: { w: 100, h: 50.5, color: 'black' } })
  const show = doc => ({ ...shown(doc), meta: plain(doc.getMap('meta')) })
  const { changes, bytes, doc } = await undo(
    doc => {
      doc.getMap('meta').set('schema', { schemaVersion: 2, sequences: { 'com.tldraw.store': 4 } })
      doc.getArray('entries').push(Array.from({ length: 500 }, (_, n) => ({ key: `shape:${n}`, val: record(n) })))
    },
    doc => {
      const entries = doc.getArray('entries')
      for (let n = 0; n < 10; n++) setEntry(entries, `shape:${n * 7}`, { ...record(n), x: -1 })
      for (let n = 0; n < 5; n++) setEntry(entries, `shape:${n * 11 + 1}`, undefined)
      setEntry(entries, 'shape:new', record(1000))
    },
    show
  )
  assert.equal(changes, 16)
  assert.ok(bytes < 16 * 250, `${bytes} bytes for 15 records`)
  assert.deepEqual(Object.keys(doc.getArray('entries').toArray().at(-1).val), Object.keys(record(0)), 'keys keep their order')
})

test('a Tiptap page: elements with attributes of any kind, text with marks', async () => {
  const paragraph = (name, attributes, ...pieces) => {
    const element = new Y.XmlElement(name)
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
    const text = new Y.XmlText()
    text.applyDelta(pieces.map(([insert, marks]) => ({ insert, attributes: marks ?? {} })))
    element.insert(0, [text])
    return element
  }
  const { changes, bytes } = await undo(
    doc => doc.getXmlFragment('xml').insert(0, [
      paragraph('heading', { level: 1, textAlign: null }, ['A heading']),
      paragraph('paragraph', { id: 'p1' }, ['Some ', {}], ['bold', { bold: {} }], [' words', {}]),
      paragraph('taskItem', { checked: false, data: { tags: ['a', 1] } }, ['a task']),
      paragraph('paragraph', { id: 'p2' }, ['The last one, which nobody touches.'])
    ]),
    doc => {
      const xml = doc.getXmlFragment('xml')
      xml.get(0).setAttribute('level', 2)
      xml.get(1).get(0).format(0, 4, { link: { href: 'https://example.org', target: '_blank' } })
      xml.get(1).get(0).insert(4, 'thing', {})
      xml.get(2).setAttribute('checked', true)
      xml.insert(1, [paragraph('paragraph', { id: 'p3' }, ['New.'])])
    }
  )
  assert.equal(changes, 5)
  assert.ok(bytes < 150, `${bytes} bytes`)
})

test('an Excalidraw board: elements in maps in a list', async () => {
  const element = (id, x) => new Y.Map([['id', id], ['pos', `a${id}`], ['el', new Y.Map([['x', x], ['points', [[0, 0], [1, -0]]]])]])
  const { changes, bytes } = await undo(
    doc => doc.getArray('list').push(Array.from({ length: 50 }, (_, n) => element(`e${n}`, n))),
    doc => {
      const list = doc.getArray('list')
      list.get(30).get('el').set('x', 1000)
      list.delete(3)
      list.insert(10, [element('new', 1)])
    }
  )
  assert.equal(changes, 3)
  assert.ok(bytes < 250, `${bytes} bytes`)
})

test('rich text with marks, embeds and types in it', async () => {
  const { changes } = await undo(
    doc => {
      const text = doc.getText('text')
      text.applyDelta([
        { insert: 'A title', attributes: { header: 1 } }, { insert: '\nplain and ' }, { insert: 'bold', attributes: { bold: true } },
        { insert: { image: 'cat.png' }, attributes: { width: 10 } }, { insert: new Y.XmlText('in a text') }, { insert: ' end' }
      ])
    },
    doc => {
      const text = doc.getText('text')
      text.format(0, 12, { bold: true, header: null })
      text.delete(8, 3)
      text.toDelta().find(({ insert }) => insert instanceof Y.XmlText).insert.insert(0, 'now ')
    }
  )
  assert.equal(changes, 5)
})

test('values keep their kind, in maps, lists and attributes', async () => {
  const values = [
    undefined, null, 0, -0, 2 ** 31, 2 ** 53, 0.1, NaN, -Infinity, 5n, 2n ** 62n, Uint8Array.of(1, 2), { b: undefined, a: [-0, 1n] }
  ]
  await undo(
    doc => values.forEach((value, at) => {
      doc.getMap('map').set(`k${at}`, value)
      doc.getArray('list').push([[value]])
      const element = new Y.XmlElement('p')
      element.setAttribute('a', value)
      doc.getXmlFragment('xml').push([element])
    }),
    doc => {
      doc.getMap('map').clear()
      doc.getArray('list').delete(0, values.length)
      doc.getXmlFragment('xml').delete(0, values.length)
    }
  )
})

describe('people who go on meanwhile', () => {
  test('keep what they do elsewhere, in whatever order it arrives, and can still undo', async () => {
    const doc = new Y.Doc()
    const { map, text } = roots(doc)
    map.set('a', new Y.Map([['x', 1]]))
    map.set('b', new Y.Map([['x', 1]]))
    text.insert(0, 'some text')
    const target = Y.encodeStateAsUpdate(doc)
    map.get('a').set('x', 2)
    text.insert(9, ' and more')
    const manager = new Y.UndoManager([map, text], { captureTimeout: 0 })
    const current = Y.encodeStateAsUpdate(doc)
    const { update, left } = await worker.restore([current], [target])
    assert.deepEqual(left, [])

    map.get('b').set('y', 'meanwhile')
    text.insert(0, 'Here is ')
    const theirs = Y.encodeStateAsUpdate(doc, Y.encodeStateVectorFromUpdate(current))
    const one = docOf(current, update, theirs)
    const other = docOf(current, theirs, update)
    assert.deepEqual(shown(one), shown(other))
    assert.equal(one.getText('text').toString(), 'Here is some text')
    assert.deepEqual(one.getMap('map').toJSON(), { a: { x: 1 }, b: { x: 1, y: 'meanwhile' } })

    Y.applyUpdate(doc, update, 'the server')
    manager.undo()
    manager.undo()
    assert.deepEqual(doc.getMap('map').toJSON(), { a: { x: 1 }, b: { x: 1 } })
    assert.equal(doc.getText('text').toString(), 'some text')
  })
})

test('random docs become each other', async () => {
  let changes = 0
  for (let seed = FROM; seed < FROM + SEEDS; seed++) {
    const random = new Random(seed)
    const doc = new Y.Doc()
    doc.clientID = seed
    const go = (on, edits) => { for (let n = 0; n < edits; n++) edit(random, on) }
    go(doc, 1 + random.below(20))
    const target = Y.encodeStateAsUpdate(doc)
    const other = seed % 3 === 0 ? new Y.Doc() : doc
    go(other, 1 + random.below(15))
    const current = Y.encodeStateAsUpdate(other)
    try {
      const there = await restored(current, target)
      changes += there.changes
      const after = Y.encodeStateAsUpdate(docOf(current, ...there.updates))
      await restored(after, current)
      assert.equal((await restored(after, target)).bytes, 0, 'nothing is left to do')
    } catch (error) {
      error.message = `seed ${seed}: ${error.message}`
      throw error
    }
  }
  assert.ok(changes > 10 * SEEDS, `${changes} changes are too few to show anything`)
})
