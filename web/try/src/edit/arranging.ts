// Gestures on what is there: choosing, moving, resizing, turning, erasing; and moving the page beneath.

import type { Drawable, Shape } from '../board/records'
import { apply, boxOf, centre, distance, holdsBox, meet, rotate, sub, type Box, type Point } from '../geometry/vec'
import { panned } from './camera'
import type { Editor } from './editor'
import { DRAG_FROM, reach, Step, type Gesture, type Touch } from './gesture'
import { anchorOf, resizeMany, resizeOne, type Handle } from './resize'

export class Pan implements Gesture {
  #last: Point
  constructor(
    private readonly editor: Editor,
    touch: Touch
  ) {
    this.#last = touch.screen
  }
  move({ screen }: Touch) {
    this.editor.look(panned(this.editor.camera, sub(screen, this.#last)))
    this.#last = screen
  }
  end() {}
  cancel() {}
}

/** Moves what is chosen. With alt a copy is moved. */
export class Move extends Step {
  #from: Point
  #starts: Map<string, { shape: Shape; at: Point }> | null = null
  #click: () => void

  /** `click` is what is done when nothing was dragged. */
  constructor(editor: Editor, touch: Touch, click: () => void) {
    super(editor)
    this.#from = touch.page
    this.#click = click
  }

  move({ page, shift, alt }: Touch) {
    const { editor } = this
    let by = sub(page, this.#from)
    if (!this.#starts) {
      if (distance(page, this.#from) * editor.camera.z < DRAG_FROM) return
      if (alt) {
        editor.duplicate({ x: 0, y: 0 })
        editor.board.begin()
      }
      const chosen = editor.selected
      const ids = new Set(chosen.flatMap((shape) => [shape.id, ...editor.board.inOrder(shape.id).map(({ id }) => id)]))
      const outside = new Set([...editor.board.bindings()].map(({ toId }) => toId).filter((id) => !ids.has(id)))
      for (const shape of chosen) if (shape.type === 'arrow') editor.untie(shape, outside)
      this.#starts = new Map(chosen.map((shape) => [shape.id, { shape, at: { x: shape.x, y: shape.y } }]))
    }
    if (shift) by = Math.abs(by.x) > Math.abs(by.y) ? { x: by.x, y: 0 } : { x: 0, y: by.y }
    editor.board.patch([...this.#starts].map(([id, { shape, at }]) => [id, editor.shifted({ ...shape, ...at }, by)] as const))
  }

  override end() {
    super.end()
    if (!this.#starts) this.#click()
  }
}

export class Brush implements Gesture {
  #from: Point
  #before: ReadonlySet<string>
  #dragged = false
  #click: () => void

  constructor(
    private readonly editor: Editor,
    touch: Touch,
    click: () => void
  ) {
    this.#from = touch.page
    this.#before = touch.shift ? editor.selection : new Set()
    this.#click = click
  }

  move({ page, ctrl }: Touch) {
    const { editor } = this
    if (!this.#dragged && distance(page, this.#from) * editor.camera.z < DRAG_FROM) return
    this.#dragged = true
    const brush = boxOf(this.#from, page)
    editor.brush = brush
    const hit = editor.board.inOrder(editor.page).flatMap((shape) => {
      const box = shape.type === 'group' ? null : editor.scene.bounds(shape)
      if (!box || !(ctrl ? holdsBox(brush, box) : meet(brush, box) && touches(editor, shape, brush))) return []
      return editor.owner(shape)?.id ?? []
    })
    editor.select([...this.#before, ...hit])
  }

  end() {
    this.editor.brush = null
    if (!this.#dragged) this.#click()
    this.editor.changed()
  }

  cancel() {
    this.editor.brush = null
    this.editor.select(this.#before)
  }
}

export class Resize extends Step {
  #shapes: Shape[]
  #box: Box
  constructor(
    editor: Editor,
    private readonly handle: Handle
  ) {
    super(editor)
    const chosen = editor.selected
    this.#box = editor.scene.frame(chosen)!.box
    const within = chosen.flatMap((shape) => (shape.type === 'group' ? editor.board.inOrder(shape.id) : [shape]))
    this.#shapes = within.filter((shape): shape is Shape => shape.type !== 'group' && shape.type !== 'foreign')
    this.#one = chosen.length === 1 && chosen[0]!.type !== 'arrow' && chosen[0]!.type !== 'group'
  }
  #one: boolean

  move({ page, shift }: Touch) {
    this.#pull(page, shift ? 'kept' : 'free')
  }

  /** Pulls by so much, as keys do: along its own sides where one shape is chosen. Nothing is turned over by that. */
  by({ x, y }: Point) {
    const { w, h } = this.#box
    const held = anchorOf(this.#box, this.handle, 1)
    const to = { x: held.x + Math.max(x, 1 - w), y: held.y + Math.max(y, 1 - h) }
    this.#pull(this.#one ? apply(this.editor.board.transform(this.#shapes[0]!), to) : to, 'free')
  }

  #pull(page: Point, ratio: 'free' | 'kept') {
    const { board, scene } = this.editor
    // Always from the shapes as they were: pulled about and back, nothing has changed.
    const changes = this.#one
      ? resizeOne(this.#shapes[0]!, this.#box, this.handle, page, ratio, board)
      : resizeMany(this.#shapes, this.#box, this.handle, page, ratio, scene)
    board.patch(changes)
    this.editor.fit(changes.map(([id]) => id))
  }
}

export class Rotate extends Step {
  #middle: Point
  #from: number
  #starts: { shape: Shape; at: Point }[]

  constructor(editor: Editor, touch: Touch) {
    super(editor)
    const { board } = editor
    const shapes = editor.selected
    this.#middle = centre(editor.scene.boundsOf(shapes)!)
    this.#from = angleFrom(this.#middle, touch.page)
    this.#starts = shapes.map((shape) => ({ shape, at: apply(board.space(shape.parentId), shape) }))
  }

  move({ page, shift }: Touch) {
    const { board } = this.editor
    let turn = angleFrom(this.#middle, page) - this.#from
    if (shift) turn = (Math.round(turn / (Math.PI / 12)) * Math.PI) / 12
    board.patch(
      this.#starts.map(({ shape, at }) => {
        const place = board.into(shape.parentId, rotate(at, turn, this.#middle))
        return [shape.id, { ...place, rotation: wrapped(shape.rotation + turn) }] as const
      })
    )
  }
}

export class Erase extends Step {
  #doomed = new Map<string, Shape>()

  constructor(editor: Editor, touch: Touch) {
    super(editor)
    this.move(touch)
  }

  move({ page }: Touch) {
    for (const { shape, ring } of this.editor.scene.at(this.editor.page, page, reach(this.editor))) {
      const owner = ring ? null : this.editor.owner(shape)
      if (owner) this.#doomed.set(owner.id, owner)
    }
    this.editor.brush = null
    this.editor.select(this.#doomed.keys())
  }

  override end() {
    super.end()
    this.editor.removeAll([...this.#doomed.values()])
    this.editor.select([])
  }

  override cancel() {
    super.cancel()
    this.editor.select([])
  }
}

/** Whether a line of the shape runs through the box, not only its bounds. */
function touches(editor: Editor, shape: Drawable, brush: Box): boolean {
  const outline = editor.scene.outline(shape)
  const open = shape.type === 'arrow' || shape.type === 'draw' || shape.type === 'highlight'
  const line = open ? outline : [...outline, ...outline.slice(0, 1)]
  return line.some((p, i) => crosses(brush, p, line[i + 1] ?? p))
}

function crosses({ x, y, w, h }: Box, p: Point, q: Point): boolean {
  // Clips the segment against each pair of sides.
  let [from, to] = [0, 1]
  for (const [start, along, low, high] of [
    [p.x, q.x - p.x, x, x + w],
    [p.y, q.y - p.y, y, y + h],
  ] as const) {
    if (along === 0) {
      if (start < low || start > high) return false
      continue
    }
    const [a, b] = [(low - start) / along, (high - start) / along]
    from = Math.max(from, Math.min(a, b))
    to = Math.min(to, Math.max(a, b))
  }
  return from <= to
}

const angleFrom = (middle: Point, p: Point) => Math.atan2(p.y - middle.y, p.x - middle.x)
const wrapped = (angle: number) => ((angle % (2 * Math.PI)) + 2 * Math.PI) % (2 * Math.PI)
