import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { Board } from '../src/board/board'
import { plainParagraphs } from '../src/board/rich-text'
import { newArrow, newBinding, newGeo, newNote, newText, type Geo, type Shape, type Styles } from '../src/board/records'
import { Scene } from '../src/draw/scene'
import { Editor } from '../src/edit/editor'
import { Move, Resize } from '../src/edit/arranging'
import type { Touch } from '../src/edit/gesture'
import { NewArrow } from '../src/edit/making'
import { resizeMany, resizeOne } from '../src/edit/resize'

const styles: Styles = { color: 'black', size: 'm', dash: 'solid', fill: 'none', font: 'sans' }
const place = { parentId: 'page:page', index: 'a1' }

/** Every letter is half as wide as high. */
const measure = (text: string, face: string) => text.length * (Number(/(\d+)px/.exec(face)![1]) / 2)

function world() {
  const board = new Board(new Y.Doc(), 'tl_room')
  const scene = new Scene(board, measure)
  return { board, scene, editor: new Editor(board, scene, styles) }
}

function box(x: number, y: number, w: number, h: number, change: Partial<Geo['props']> = {}): Geo {
  const shape = newGeo({ x, y, ...place }, 'rectangle', styles)
  return { ...shape, props: { ...shape.props, w, h, ...change } }
}

const touch = (x: number, y: number, more: Partial<Touch> = {}): Touch => ({
  page: { x, y },
  screen: { x, y },
  pressure: null,
  shift: false,
  alt: false,
  ctrl: false,
  ...more,
})

test('a hollow shape is hit on its line, a filled one anywhere', () => {
  const { board, scene } = world()
  const [hollow, full] = [box(0, 0, 100, 100), box(200, 0, 100, 100, { fill: 'solid' })]
  board.put([hollow, full])
  const hit = (shape: Shape, x: number, y: number) => scene.hit(board.shape(shape.id)!, { x, y }, 4)
  deepStrictEqual([hit(hollow, 2, 50), hit(hollow, 50, 50), hit(hollow, 110, 50)], ['whole', 'ring', null])
  deepStrictEqual([hit(full, 250, 50), hit(full, 190, 50)], ['whole', null])
})

test('a turned shape is hit where it is drawn', () => {
  const { board, scene } = world()
  const shape = { ...box(0, 0, 100, 20, { fill: 'solid' }), rotation: Math.PI / 2 }
  board.put([shape])
  strictEqual(scene.hit(board.shape(shape.id)!, { x: -10, y: 50 }, 1), 'whole')
  strictEqual(scene.hit(board.shape(shape.id)!, { x: 50, y: 10 }, 1), null)
})

test('a tied arrow ends before the outline, and follows its target', () => {
  const { board, scene } = world()
  const target = box(200, -50, 100, 100)
  const arrow = newArrow({ x: 0, y: 0, ...place }, styles)
  board.put([target, arrow, newBinding(arrow.id, 'end', target.id, null)])
  const end = () => scene.arrow(board.shape(arrow.id) as typeof arrow).end
  strictEqual(Math.round(end().y), 0)
  ok(end().x > 180 && end().x < 195, String(end().x))
  board.patch([[target.id, { x: 300 }]])
  ok(end().x > 280 && end().x < 295, String(end().x))
})

test('drawing an arrow ties both ends; deleting a target leaves the end where it was', () => {
  const { board, scene, editor } = world()
  const [a, b] = [box(0, 0, 100, 100), box(300, 0, 100, 100)]
  board.put([a, b])
  const gesture = new NewArrow(editor, touch(50, 50))
  gesture.move(touch(200, 50))
  gesture.move(touch(350, 50))
  gesture.end()
  const [arrow] = [...board.shapes()].filter((shape) => shape.type === 'arrow')
  ok(arrow?.type === 'arrow')
  deepStrictEqual(Object.keys(board.bindingsOf(arrow.id)).sort(), ['end', 'start'])
  const { end } = scene.arrow(arrow)
  editor.select([b.id])
  editor.remove()
  deepStrictEqual(Object.keys(board.bindingsOf(arrow.id)), ['start'])
  const now = scene.arrow(board.shape(arrow.id) as typeof arrow).end
  ok(Math.hypot(now.x - end.x, now.y - end.y) < 1)
  board.undo()
  ok(board.shape(b.id))
  deepStrictEqual(Object.keys(board.bindingsOf(arrow.id)).sort(), ['end', 'start'])
})

test('moving is one step, and a cancelled one never was', () => {
  const { board, editor } = world()
  const shape = box(0, 0, 50, 50)
  board.step(() => board.put([shape]))
  editor.select([shape.id])
  const drag = () => {
    const gesture = new Move(editor, touch(0, 0), () => {})
    for (let x = 10; x <= 100; x += 10) gesture.move(touch(x, x / 2))
    return gesture
  }
  drag().end()
  deepStrictEqual([board.shape(shape.id)!.x, board.shape(shape.id)!.y], [100, 50])
  const cancelled = drag()
  board.settle()
  cancelled.cancel()
  deepStrictEqual([board.shape(shape.id)!.x, board.shape(shape.id)!.y], [100, 50])
  ok(!board.canRedo)
  board.undo()
  strictEqual(board.shape(shape.id)!.x, 0)
})

test('pulling a corner about and back changes nothing', () => {
  const { board, editor } = world()
  const shape = box(10, 20, 100, 50)
  board.step(() => board.put([shape]))
  editor.select([shape.id])
  const gesture = new Resize(editor, { x: 1, y: 1 })
  gesture.move(touch(-60, 400))
  gesture.move(touch(110, 70))
  gesture.end()
  const { x, y, props } = board.shape(shape.id) as Geo
  deepStrictEqual([x, y, props.w, props.h], [10, 20, 100, 50])
})

test('each kind of shape takes a pull in its own way', () => {
  const { board, scene } = world()
  const change = (shape: Shape, handle: { x: -1 | 0 | 1; y: -1 | 0 | 1 }, to: { x: number; y: number }) => {
    board.put([shape])
    return resizeOne(shape, scene.form(shape as Geo).box, handle, to, 'free', board)[0]?.[1] as Geo | undefined
  }
  const left = change(box(0, 0, 100, 100), { x: -1, y: 0 }, { x: 40, y: 0 })!
  deepStrictEqual([left.x, left.props.w, left.props.h], [40, 60, 100])
  // Over to the other side: it stands there, not turned inside out.
  const over = change(box(0, 0, 100, 100), { x: 1, y: 0 }, { x: -50, y: 0 })!
  deepStrictEqual([over.x, over.props.w], [-50, 50])

  const text = newText({ x: 0, y: 0, ...place }, styles)
  text.props.richText = plainParagraphs('hello')
  const wide = change(text, { x: 1, y: 0 }, { x: 300, y: 0 }) as unknown as { props: { w: number; autoSize: boolean } }
  deepStrictEqual([wide.props.autoSize, Math.round(wide.props.w)], [false, 300])
  const { w } = scene.form(text as never).box
  const large = change(text, { x: 1, y: 1 }, { x: w * 2, y: 0 }) as unknown as { props: { scale: number } }
  strictEqual(Math.round(large.props.scale * 100), 200)
  strictEqual(change(newNote({ x: 0, y: 0, ...place }, styles), { x: 1, y: 1 }, { x: 900, y: 900 }), undefined)
})

test('several are pulled about the corner that stays', () => {
  const { board, scene } = world()
  const [a, b] = [box(0, 0, 100, 100), box(100, 100, 100, 100)]
  board.put([a, b])
  const changes = resizeMany([a, b], { x: 0, y: 0, w: 200, h: 200 }, { x: 1, y: 1 }, { x: 400, y: 200 }, 'free', scene)
  deepStrictEqual(changes.map(([, change]) => change), [
    { x: 0, y: 0, props: { w: 200, h: 100, growY: 0 } },
    { x: 200, y: 100, props: { w: 200, h: 100, growY: 0 } },
  ])
})

test('text makes room for itself', () => {
  const { board, scene } = world()
  const note = newNote({ x: 0, y: 0, ...place }, styles)
  note.props.richText = plainParagraphs('a word that is much '.repeat(12))
  const { growY } = scene.fit(note)!
  ok(growY! > 100)
  note.props.richText = plainParagraphs('x'.repeat(20))
  ok(scene.fit(note)!.fontSizeAdjustment! < 1)
  const shape = box(0, 0, 100, 40, { richText: plainParagraphs('one\ntwo\nthree') })
  board.put([shape])
  strictEqual(scene.fit(shape)!.growY, 3 * 30 + 32 - 40)
})

test('a copy is new throughout and lies on top', () => {
  const { board, editor } = world()
  const [a, b] = [box(0, 0, 100, 100), box(300, 0, 100, 100)]
  const arrow = newArrow({ x: 0, y: 0, ...place, index: 'a2' }, styles)
  board.step(() => board.put([a, b, arrow, newBinding(arrow.id, 'start', a.id, null), newBinding(arrow.id, 'end', b.id, null)]))
  editor.selectAll()
  editor.duplicate()
  strictEqual(editor.selection.size, 3)
  const copy = editor.selected.find((shape) => shape.type === 'arrow')!
  const { start, end } = board.bindingsOf(copy.id)
  ok(editor.selection.has(start!.toId) && editor.selection.has(end!.toId))
  ok(editor.selected.every(({ index }) => index > 'a2'))
  board.undo()
  strictEqual([...board.shapes()].length, 3)
})

test('a group is chosen, moved and deleted as one, but never with what nobody can see here', () => {
  const { board, editor } = world()
  const group = { ...box(0, 0, 1, 1), type: 'group', props: {} } as never as Shape
  const child = { ...box(10, 10, 50, 50), parentId: group.id }
  board.put([group, child])
  strictEqual(editor.owner(board.shape(child.id)!)!.id, group.id)
  const image = { ...box(70, 10, 50, 50), id: 'shape:image', type: 'image', parentId: group.id }
  board.put([image as never])
  editor.select([group.id])
  editor.remove()
  ok(board.shape(group.id) && board.shape(child.id) && board.shape('shape:image'))
  board.remove(new Set(['shape:image']))
  editor.select([group.id])
  editor.remove()
  strictEqual([...board.shapes()].length, 0)
})

test('what is locked is left alone', () => {
  const { board, editor } = world()
  const shape = { ...box(0, 0, 50, 50), isLocked: true }
  board.put([shape])
  editor.selectAll()
  strictEqual(editor.selection.size, 0)
  strictEqual(editor.owner(board.shape(shape.id)!), null)
})

test('who may only look changes nothing', () => {
  const { board, editor } = world()
  const shape = box(0, 0, 50, 50)
  board.put([shape])
  editor.forbid(true)
  editor.select([shape.id])
  editor.nudge({ x: 5, y: 0 })
  editor.duplicate()
  editor.style({ color: 'red' })
  editor.remove()
  editor.paste('words')
  editor.undo()
  deepStrictEqual([...board.shapes()], [shape])
})
