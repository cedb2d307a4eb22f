// Gestures that make something: ink, boxes, arrows, notes, text.

import { encodePath, type InkPoint } from '../board/path'
import { newArrow, newBinding, newDraw, newGeo, newNote, newText, type Arrow, type Draw, type Drawable, type Geo, type Note } from '../board/records'
import type { WithText } from '../draw/scene'
import { STROKE, TEXT_PX } from '../draw/theme'
import { add, apply, boxOf, distance, invert, sub, type Box, type Point } from '../geometry/vec'
import type { Editor } from './editor'
import { DRAG_FROM, reach, round, Step, type Gesture, type Touch } from './gesture'

/** After so many points a stroke goes on in a new shape: a record is written whole each time. */
const MAX_POINTS = 800
/** Of a box that was clicked, not dragged, px. */
const DEFAULT_SIDE = 160

export class Ink extends Step {
  #shape: Draw
  #points: InkPoint[] = []
  #pen: boolean

  constructor(editor: Editor, touch: Touch) {
    super(editor)
    this.#pen = touch.pressure !== null
    this.#shape = this.#begun(touch.page)
    this.move(touch)
  }

  move({ page, pressure }: Touch) {
    const p = { x: round(page.x - this.#shape.x), y: round(page.y - this.#shape.y), z: round(pressure ?? 0.5) }
    const last = this.#points.at(-1)
    if (last && distance(last, p) < 1 / this.editor.camera.z) return
    this.#points.push(p)
    this.#write(false)
    if (this.#points.length < MAX_POINTS) return
    this.#write(true)
    this.#shape = this.#begun(page)
    this.#points = [{ x: 0, y: 0, z: p.z }]
  }

  override end() {
    this.#write(true)
    super.end()
  }

  #begun({ x, y }: Point): Draw {
    const { board, page, styles } = this.editor
    return newDraw({ x: round(x), y: round(y), parentId: page, index: board.indexOnTop(page) }, styles, this.#pen)
  }

  #write(isComplete: boolean) {
    const segments = [{ type: 'free' as const, path: encodePath(this.#points) }]
    this.#shape = { ...this.#shape, props: { ...this.#shape.props, segments, isComplete, isClosed: this.#isClosed() } }
    this.editor.board.put([this.#shape])
  }

  #isClosed(): boolean {
    const [first, last] = [this.#points[0], this.#points.at(-1)]
    const near = STROKE[this.#shape.props.size] * 2 + reach(this.editor)
    return this.#points.length > 8 && distance(first!, last!) < near && this.#points.some((p) => distance(first!, p) > near * 3)
  }
}

export class NewBox extends Step {
  #from: Point
  #shape: Geo
  #dragged = false

  constructor(editor: Editor, touch: Touch, geo: 'rectangle' | 'ellipse') {
    super(editor)
    this.#from = touch.page
    this.#shape = newGeo({ ...touch.page, parentId: editor.page, index: editor.board.indexOnTop(editor.page) }, geo, editor.styles)
  }

  move({ page, shift, alt }: Touch) {
    if (!this.#dragged && distance(page, this.#from) * this.editor.camera.z < DRAG_FROM) return
    this.#dragged = true
    let { x, y } = sub(page, this.#from)
    if (shift) {
      const side = Math.max(Math.abs(x), Math.abs(y))
      ;[x, y] = [side * (Math.sign(x) || 1), side * (Math.sign(y) || 1)]
    }
    const from = alt ? sub(this.#from, { x, y }) : this.#from
    this.#put(boxOf(from, add(this.#from, { x, y })))
  }

  override end() {
    const side = DEFAULT_SIDE
    if (!this.#dragged) this.#put({ x: this.#from.x - side / 2, y: this.#from.y - side / 2, w: side, h: side })
    super.end()
    this.editor.take('select')
    this.editor.select([this.#shape.id])
  }

  #put({ x, y, w, h }: Box) {
    const { props } = this.#shape
    this.editor.board.put([{ ...this.#shape, x: round(x), y: round(y), props: { ...props, w: Math.max(1, round(w)), h: Math.max(1, round(h)) } }])
  }
}

export class NewArrow extends Step {
  #arrow: Arrow
  #from: Touch
  #dragged = false

  constructor(editor: Editor, touch: Touch) {
    super(editor)
    this.#from = touch
    const place = { x: round(touch.page.x), y: round(touch.page.y), parentId: editor.page, index: editor.board.indexOnTop(editor.page) }
    this.#arrow = newArrow(place, editor.styles)
    editor.hint = tieable(editor, touch.page)?.id ?? null
  }

  move(touch: Touch) {
    const { board, camera } = this.editor
    if (!this.#dragged && distance(touch.page, this.#from.page) * camera.z < DRAG_FROM) return
    const end = level(sub(touch.page, this.#arrow), touch.shift)
    this.#arrow = { ...this.#arrow, props: { ...this.#arrow.props, end: { x: round(end.x), y: round(end.y) } } }
    board.put([this.#arrow])
    if (!this.#dragged) tie(this.editor, this.#arrow.id, 'start', this.#from)
    this.#dragged = true
    this.editor.hint = tie(this.editor, this.#arrow.id, 'end', touch)
  }

  override end() {
    this.editor.hint = null
    super.end()
    if (!this.#dragged) return
    this.editor.take('select')
    this.editor.select([this.#arrow.id])
  }
}

export class ArrowEnd extends Step {
  constructor(
    editor: Editor,
    private readonly id: string,
    private readonly end_: 'start' | 'end' | 'middle'
  ) {
    super(editor)
  }

  move(touch: Touch) {
    const { board, scene } = this.editor
    const arrow = board.shape(this.id)
    if (arrow?.type !== 'arrow') return
    const local = apply(invert(board.transform(arrow)), touch.page)
    if (this.end_ === 'middle') {
      const body = scene.arrow(arrow)
      const back = invert(board.transform(arrow))
      const [a, b] = [apply(back, body.start), apply(back, body.end)]
      const length = Math.max(1, distance(a, b))
      // How far beside the straight line between the ends: the sagitta, to the left of its way below 0.
      const beside = ((b.x - a.x) * (local.y - a.y) - (b.y - a.y) * (local.x - a.x)) / length
      const bend = Math.abs(beside) < 8 * arrow.props.scale ? 0 : round(beside)
      board.patch([[this.id, { props: { bend } }]])
      return
    }
    board.patch([[this.id, { props: { [this.end_]: { x: round(local.x), y: round(local.y) } } }]])
    this.editor.hint = tie(this.editor, this.id, this.end_, touch)
  }

  override end() {
    this.editor.hint = null
    super.end()
  }
}

export class NewNote extends Step {
  #note: Note
  #from: Point

  constructor(editor: Editor, touch: Touch) {
    super(editor)
    const place = { x: round(touch.page.x - 100), y: round(touch.page.y - 100), parentId: editor.page, index: editor.board.indexOnTop(editor.page) }
    this.#note = newNote(place, editor.styles)
    this.#from = sub(touch.page, place)
    editor.board.put([this.#note])
  }

  move({ page }: Touch) {
    const { x, y } = sub(page, this.#from)
    this.editor.board.patch([[this.#note.id, { x: round(x), y: round(y) }]])
  }

  override end() {
    super.end()
    this.editor.take('select')
    this.editor.select([this.#note.id])
    const shape = this.editor.board.shape(this.#note.id)
    if (shape?.type === 'note') this.editor.write({ shape, fresh: false })
  }
}

export class NewText implements Gesture {
  constructor(
    private readonly editor: Editor,
    private touch: Touch
  ) {}
  move(touch: Touch) {
    this.touch = touch
  }
  end() {
    const { editor } = this
    const { x, y } = this.touch.page
    const half = (TEXT_PX[editor.styles.size] * 1.35) / 2
    const place = { x: round(x), y: round(y - half), parentId: editor.page, index: editor.board.indexOnTop(editor.page) }
    editor.take('select')
    editor.write({ shape: newText(place, editor.styles), fresh: true })
  }
  cancel() {}
}

/** Writes in a shape that is there. */
export class Write implements Gesture {
  constructor(
    private readonly editor: Editor,
    private readonly shape: WithText
  ) {}
  move() {}
  end() {
    this.editor.write({ shape: this.shape, fresh: false })
  }
  cancel() {}
}

/** Ties an end of an arrow to what lies under it, or lets it go. Gives what it is tied to. */
function tie(editor: Editor, arrow: string, end: 'start' | 'end', touch: Touch): string | null {
  const { board, scene } = editor
  const now = board.bindingsOf(arrow)[end]
  const other = board.bindingsOf(arrow)[end === 'start' ? 'end' : 'start']
  const target = touch.ctrl ? null : tieable(editor, touch.page)
  if (!target || target.id === other?.toId) {
    if (now) board.remove(new Set([now.id]))
    return null
  }
  const { box } = scene.form(target as Exclude<Drawable, Arrow>)
  const local = apply(invert(board.transform(target)), touch.page)
  const anchor = { x: clamp((local.x - box.x) / Math.max(1, box.w)), y: clamp((local.y - box.y) / Math.max(1, box.h)) }
  // Near the middle the middle is meant.
  const central = distance(anchor, { x: 0.5, y: 0.5 }) < 0.25
  const binding = newBinding(arrow, end, target.id, central ? null : anchor)
  board.put([now ? { ...binding, id: now.id } : binding])
  return target.id
}

function tieable(editor: Editor, point: Point): Drawable | null {
  for (const { shape } of editor.scene.at(editor.page, point, reach(editor))) {
    if (shape.type === 'geo' || shape.type === 'note' || shape.type === 'text') return shape
    if (shape.type === 'foreign' && shape.kind !== 'frame') return shape
  }
  return null
}

const clamp = (value: number) => Math.max(0, Math.min(1, value))

/** With shift an arrow keeps to multiples of 15 degrees. */
function level(end: Point, shift: boolean): Point {
  if (!shift) return end
  const length = Math.hypot(end.x, end.y)
  const angle = (Math.round(Math.atan2(end.y, end.x) / (Math.PI / 12)) * Math.PI) / 12
  return { x: Math.cos(angle) * length, y: Math.sin(angle) * length }
}
