import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { Board, indexBetween } from '../src/board/board'
import { newGeo, newText, type Json, type Stored, type Styles } from '../src/board/records'
import { SCHEMA } from '../src/board/schema'

const styles: Styles = { color: 'black', size: 'm', dash: 'draw', fill: 'none', font: 'draw' }
const ROOT = 'tl_room'

/** Two people at one board; `meet` brings them everything of each other. */
function pair() {
  const [ada, ben] = [new Y.Doc(), new Y.Doc()]
  const meet = () => {
    Y.applyUpdate(ben, Y.encodeStateAsUpdate(ada, Y.encodeStateVector(ben)))
    Y.applyUpdate(ada, Y.encodeStateAsUpdate(ben, Y.encodeStateVector(ada)))
  }
  return { ada: new Board(ada, ROOT), ben: new Board(ben, ROOT), meet }
}

function draw(board: Board, x: number) {
  const page = board.pages[0]!.id
  const shape = newGeo({ x, y: 0, parentId: page, index: board.indexOnTop(page) }, 'rectangle', styles)
  board.step(() => board.put([shape]))
  return shape.id
}

const entries = (board: Board) => board.doc.getArray<{ key: string; val: Stored }>(ROOT).toArray()
const xOf = (board: Board, id: string) => board.shape(id)?.x

test('an empty board becomes whole with the first shape, and not before', () => {
  const { ada, ben, meet } = pair()
  deepStrictEqual(entries(ada), [])
  draw(ada, 0)
  draw(ben, 1)
  meet()
  deepStrictEqual(
    ada.pages.map(({ id }) => id),
    ['page:page']
  )
  deepStrictEqual(ada.doc.getMap('meta').get('schema'), SCHEMA)
  strictEqual(ada.version, 'same')
  strictEqual(ada.children('page:page').length, 2)
})

test('undoing takes back own edits only', () => {
  const { ada, ben, meet } = pair()
  const hers = draw(ada, 0)
  meet()
  const his = draw(ben, 10)
  meet()
  ada.undo()
  meet()
  strictEqual(ben.shape(hers), undefined)
  strictEqual(xOf(ada, his), 10)
  ok(!ada.canUndo)
  ada.redo()
  meet()
  strictEqual(xOf(ben, hers), 0)
})

test('a step with many writes is undone as one, and the page stays', () => {
  const { ada } = pair()
  const id = draw(ada, 0)
  ada.begin()
  for (let x = 1; x <= 20; x++) {
    ada.patch([[id, { x }]])
    ada.settle()
  }
  strictEqual(xOf(ada, id), 20)
  ada.undo()
  strictEqual(xOf(ada, id), 0)
  ada.undo()
  strictEqual(ada.shape(id), undefined)
  strictEqual(ada.stored('page:page')?.typeName, 'page')
  ada.redo()
  ada.redo()
  strictEqual(xOf(ada, id), 20)
})

test('what another changed after me stays when I undo', () => {
  const { ada, ben, meet } = pair()
  const id = draw(ada, 0)
  meet()
  ada.step(() => ada.patch([[id, { x: 5 }]]))
  meet()
  ben.step(() => ben.patch([[id, { x: 9 }]]))
  meet()
  ada.undo()
  meet()
  strictEqual(xOf(ada, id), 9)
  strictEqual(xOf(ben, id), 9)
  strictEqual(entries(ada).filter(({ key }) => key === id).length, 1)
})

test('of several entries with one key the rightmost counts', () => {
  const { ada, ben, meet } = pair()
  const id = draw(ada, 0)
  meet()
  ada.step(() => ada.patch([[id, { x: 5 }]]))
  ben.step(() => ben.patch([[id, { x: 9 }]]))
  meet()
  strictEqual(entries(ada).filter(({ key }) => key === id).length, 2)
  const last = entries(ada).findLast(({ key }) => key === id)!.val.x
  strictEqual(xOf(ada, id), last)
  strictEqual(xOf(ben, id), last)
  ada.remove(new Set([id]))
  meet()
  strictEqual(ben.shape(id), undefined)
})

test('while a hand moves everything is shown at once, and what somebody removes meanwhile does not come back', () => {
  const { ada, ben, meet } = pair()
  const id = draw(ada, 0)
  meet()
  ada.begin()
  ada.patch([[id, { x: 7 }]])
  strictEqual(xOf(ada, id), 7)
  meet()
  strictEqual(xOf(ben, id), 0)
  ben.remove(new Set([id]))
  meet()
  strictEqual(ada.shape(id), undefined)
  ada.settle()
  meet()
  strictEqual(ben.shape(id), undefined)
})

test('records that are not understood are shown where they are, and never written', () => {
  const { ada } = pair()
  const place = { rotation: 0, index: 'a1', parentId: 'page:page', isLocked: false, opacity: 1, meta: {} }
  const image = { ...place, id: 'shape:i', typeName: 'shape', type: 'image', x: 3, y: 4, props: { w: 20, h: 30, altText: 'a cat' } }
  const odd = { id: 'shape:odd', typeName: 'shape', type: 'image', x: 'left' }
  const all = [image, odd, { id: 'user:u', typeName: 'user', name: 'Ben' }] as unknown as Stored[]
  ada.doc.getMap('meta').set('schema', SCHEMA)
  ada.doc.getArray(ROOT).push(all.map((val) => ({ key: val.id, val })))
  const shape = ada.shape('shape:i')!
  ok(shape.type === 'foreign')
  deepStrictEqual([shape.kind, shape.name, shape.box], ['image', 'a cat', { x: 0, y: 0, w: 20, h: 30 }])
  strictEqual(ada.shape('shape:odd'), undefined)
  ada.patch([['shape:i', { x: 99 }]])
  draw(ada, 0)
  ada.undo()
  for (const record of all) deepStrictEqual(ada.stored(record.id), record)
})

test('fields that this page does not know survive a change', () => {
  const { ada } = pair()
  const id = draw(ada, 0)
  const record = structuredClone(ada.stored(id)!)
  record.meta = { from: 'an app' }
  ;(record.props as { [name: string]: Json }).later = 1
  ada.put([record])
  ada.patch([[id, { x: 8, props: { w: 50 } }]])
  const { meta, props, x } = ada.stored(id)!
  deepStrictEqual([meta, x], [{ from: 'an app' }, 8])
  deepStrictEqual([(props as { later: number }).later, (props as { w: number }).w], [1, 50])
})

test('a board of another version is not written', () => {
  const { ada } = pair()
  ada.doc.getMap('meta').set('schema', { schemaVersion: 2, sequences: { ...SCHEMA.sequences, 'com.tldraw.shape.geo': 13 } })
  strictEqual(ada.version, 'other')
  ada.doc.getMap('meta').set('schema', { schemaVersion: 2, sequences: { ...SCHEMA.sequences, 'com.tldraw.shape.image': 99 } })
  strictEqual(ada.version, 'same')
  ada.doc.getMap('meta').delete('schema')
  strictEqual(ada.version, 'none')
  const old = { ...newText({ x: 0, y: 0, parentId: 'page:page', index: 'a1' }, styles), props: { text: 'of 2023', align: 'start' } }
  ada.doc.getArray(ROOT).push([{ key: old.id, val: old }])
  strictEqual(ada.version, 'other')
})

test('a board under another name is found, and is the one that is drawn on', () => {
  const { ada, ben, meet } = pair()
  const id = draw(ada, 3)
  meet()
  const other = new Board(ben.doc, 'tl_another')
  strictEqual(other.shape(id), undefined)
  other.settleOnRoot()
  strictEqual(other.shape(id)?.x, 3)
  const mine = draw(other, 4)
  meet()
  strictEqual(xOf(ada, mine), 4)
  other.undo()
  strictEqual(other.shape(mine), undefined)
  strictEqual(other.shape(id)?.x, 3)
})

test('children lie in the space of their parents', () => {
  const { ada } = pair()
  const id = draw(ada, 10)
  const group = { ...ada.stored(id)!, id: 'shape:g', type: 'group', props: {}, x: 100, y: 50, rotation: Math.PI / 2 }
  ada.put([group])
  ada.patch([[id, { parentId: 'shape:g' }]])
  const { e, f } = ada.transform(ada.shape(id)!)
  deepStrictEqual([Math.round(e), Math.round(f)], [100, 60])
  // Somebody made a circle: no end without an end.
  ada.patch([['shape:g', { parentId: id }]])
  ada.transform(ada.shape(id)!)
  strictEqual(ada.inOrder('page:page').length, 0)
})

test('places between neighbours', () => {
  ok('a1' < indexBetween('a1', 'a2') && indexBetween('a1', 'a2') < 'a2')
  ok(indexBetween('a1', 'a1') > 'a1')
  ok(indexBetween('no index', null).length > 0)
})
