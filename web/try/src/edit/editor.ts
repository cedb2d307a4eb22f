// What this person sees, has chosen and is doing, and the commands that keys and buttons give. Writes only through the board; knows
// no elements of the page.

import type { Board } from '../board/board'
import { indexBetween } from '../board/board'
import { plainParagraphs } from '../board/rich-text'
import { newId, newText, type Arrow, type ArrowBinding, type Drawable, type Shape, type Stored, type Styles } from '../board/records'
import type { Scene } from '../draw/scene'
import { apply, centre, invert, meet, type Box, type Point } from '../geometry/vec'
import { fitting, toPage, zoomed, type Camera } from './camera'

export type Tool = 'select' | 'hand' | 'pen' | 'eraser' | 'rectangle' | 'ellipse' | 'arrow' | 'text' | 'note'

/** Text that is being written: in a shape of the board, or in one that will be there with its first letter. */
export interface Editing {
  shape: Extract<Shape, { props: { richText: unknown } }>
  fresh: boolean
}

const DUPLICATE_SHIFT = 16
const ZOOM_STEPS = [0.1, 0.25, 0.5, 1, 1.5, 2, 4, 8]
/** Says of text on the clipboard that it is shapes. */
const CLIPBOARD_MARK = 'scrible-shapes-1'
/** Records that are taken from the clipboard at once. */
const MAX_PASTED = 5_000

export class Editor {
  tool: Tool = 'select'
  selection: ReadonlySet<string> = new Set()
  editing: Editing | null = null
  camera: Camera = { x: 0, y: 0, z: 1 }
  /** Size of the canvas on the screen, px. */
  screen = { w: 1, h: 1 }
  /** What of it lies behind the bars, px. */
  covered = { left: 0, right: 0, top: 0, bottom: 0 }
  styles: Styles
  page: string
  /** The box that is being drawn around what will be chosen, on the page. */
  brush: Box | null = null
  /** The shape that an arrow is about to be tied to. */
  hint: string | null = null
  /** Where this person points, on the page. */
  pointer: Point | null = null
  #watchers = new Set<() => void>()
  #readOnly = false

  constructor(
    readonly board: Board,
    readonly scene: Scene,
    styles: Styles
  ) {
    this.styles = styles
    this.page = board.pages[0]!.id
    board.watch(() => this.#follow())
  }

  watch(watcher: () => void): void {
    this.#watchers.add(watcher)
  }

  changed(): void {
    for (const watcher of this.#watchers) watcher()
  }

  get readOnly(): boolean {
    return this.#readOnly || this.board.version === 'other'
  }

  /** Nothing that this person does will be kept: they may look. */
  forbid(readOnly: boolean): void {
    if (readOnly === this.#readOnly) return
    this.#readOnly = readOnly
    if (readOnly) this.take('hand')
    this.changed()
  }

  take(tool: Tool): void {
    if (this.readOnly && tool !== 'hand' && tool !== 'select') return
    this.tool = tool
    if (tool !== 'select') this.selection = new Set()
    this.changed()
  }

  write(editing: Editing): void {
    if (this.readOnly) return
    if (!editing.fresh) this.selection = new Set([this.owner(editing.shape)?.id ?? editing.shape.id])
    this.editing = editing
    this.changed()
  }

  look(camera: Camera): void {
    this.camera = camera
    this.changed()
  }

  // Choosing

  select(ids: Iterable<string>): void {
    this.selection = new Set(ids)
    this.changed()
  }

  selectAll(): void {
    this.tool = 'select'
    this.select(this.board.children(this.page).filter((shape) => this.choosable(shape)).map(({ id }) => id))
  }

  /** Chooses the next shape, or the one before, as they lie on each other. False: there is none on that side, and none is chosen. */
  chooseNext(by: 1 | -1): boolean {
    const all = this.board.children(this.page).filter((shape) => this.choosable(shape))
    const at = all.findIndex(({ id }) => this.selection.has(id))
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by]
    this.tool = 'select'
    this.select(next ? [next.id] : [])
    const box = next && this.scene.bounds(next)
    if (!box) return false
    const [from, to] = [toPage(this.camera, { x: 0, y: 0 }), toPage(this.camera, { x: this.screen.w, y: this.screen.h })]
    if (!meet(box, { ...from, w: to.x - from.x, h: to.y - from.y })) this.centreOn(centre(box))
    return true
  }

  get selected(): Shape[] {
    if (this.selection.size === 0) return []
    return this.board.inOrder(this.page).filter((shape): shape is Shape => this.selection.has(shape.id) && shape.type !== 'foreign')
  }

  /** What is chosen when `shape` is touched: the outermost group around it. Null: it is not ours to change, or locked. */
  owner(shape: Drawable): Shape | null {
    let top = shape
    for (let parent = this.board.shape(top.parentId); parent?.type === 'group'; parent = this.board.shape(top.parentId)) top = parent
    return top.type !== 'foreign' && this.choosable(top) ? top : null
  }

  choosable(shape: Drawable): boolean {
    return shape.type !== 'foreign' && !shape.isLocked && this.board.inOrder(shape.id).every((child) => !child.isLocked)
  }

  // Commands on what is chosen

  remove(): void {
    this.removeAll(this.selected)
    this.select([])
  }

  /** Groups that hold what we cannot draw stay: what nobody can see here must not go with them. */
  removeAll(shapes: readonly Shape[]): void {
    const doomed = new Set<string>()
    for (const shape of shapes) {
      const within = this.board.inOrder(shape.id)
      if (within.some(({ type }) => type === 'foreign')) continue
      for (const { id } of [shape, ...within]) doomed.add(id)
    }
    if (this.readOnly || doomed.size === 0) return
    this.board.step(() => {
      for (const { fromId, toId } of [...this.board.bindings()]) {
        const arrow = this.board.shape(fromId)
        if (doomed.has(toId) && !doomed.has(fromId) && arrow?.type === 'arrow') this.untie(arrow, doomed)
      }
      const ties = [...this.board.bindings()].filter(({ fromId, toId }) => doomed.has(fromId) || doomed.has(toId))
      this.board.remove(new Set([...doomed, ...ties.map(({ id }) => id)]))
    })
  }

  /** An arrow's ends stay where they are drawn, no longer tied to those of `targets`. */
  untie(arrow: Arrow, targets: ReadonlySet<string>): void {
    const body = this.scene.arrow(arrow)
    const back = invert(this.board.transform(arrow))
    const bound = this.board.bindingsOf(arrow.id)
    const loose = (['start', 'end'] as const).filter((end) => bound[end] && targets.has(bound[end].toId))
    if (loose.length === 0) return
    const ends = Object.fromEntries(loose.map((end) => [end, apply(back, body[end])]))
    this.board.patch([[arrow.id, { props: ends }]])
    this.board.remove(new Set(loose.map((end) => bound[end]!.id)))
  }

  duplicate(by: Point = { x: DUPLICATE_SHIFT, y: DUPLICATE_SHIFT }): void {
    if (this.readOnly || this.selection.size === 0) return
    this.#insert(this.#taken(), by)
  }

  nudge(by: Point): void {
    if (this.readOnly || this.selection.size === 0) return
    this.board.step(() => this.shift(this.selected, by))
  }

  /** Moves shapes by `by` on the page. */
  shift(shapes: readonly Shape[], by: Point): void {
    this.board.patch(shapes.map((shape) => [shape.id, this.shifted(shape, by)] as const))
  }

  shifted(shape: Shape, by: Point): Point {
    const space = this.board.space(shape.parentId)
    const { x, y } = apply(space, shape)
    return this.board.into(shape.parentId, { x: x + by.x, y: y + by.y })
  }

  reorder(to: 'front' | 'back'): void {
    if (this.readOnly || this.selection.size === 0) return
    this.board.step(() => {
      const shapes = to === 'front' ? this.selected : this.selected.reverse()
      for (const { id, parentId } of shapes) {
        const siblings = this.board.children(parentId).filter((sibling) => sibling.id !== id)
        const index = to === 'front' ? indexBetween(siblings.at(-1)?.index ?? null, null) : indexBetween(null, siblings[0]?.index ?? null)
        this.board.patch([[id, { index }]])
      }
    })
  }

  /** For what is chosen, and for what is drawn next. */
  style(change: Partial<Styles>): void {
    this.styles = { ...this.styles, ...change }
    const targets = this.selected.flatMap((shape) => [shape, ...this.board.inOrder(shape.id)])
    if (!this.readOnly && targets.length) {
      this.board.step(() => {
        this.board.patch(
          targets.flatMap((shape) => {
            if (shape.type === 'foreign') return []
            const props = Object.fromEntries(Object.entries(change).filter(([name]) => name in shape.props))
            return Object.keys(props).length ? [[shape.id, { props }] as const] : []
          })
        )
        this.fit(targets.map(({ id }) => id))
      })
    }
    this.changed()
  }

  /** Gives notes and shapes the height that their text needs now. */
  fit(ids: readonly string[]): void {
    this.board.patch(
      ids.flatMap((id) => {
        const shape = this.board.shape(id)
        const props = shape && this.scene.fit(shape)
        return props ? [[id, { props }] as const] : []
      })
    )
  }

  undo(): void {
    if (!this.readOnly) this.board.undo()
  }

  redo(): void {
    if (!this.readOnly) this.board.redo()
  }

  // The clipboard

  copied(): string | null {
    const records = this.#taken()
    return records.length ? JSON.stringify({ [CLIPBOARD_MARK]: records }) : null
  }

  /** Shapes that were copied here, or any other text as a text. */
  paste(text: string): void {
    if (this.readOnly || !text.trim()) return
    const middle = this.pointer ?? toPage(this.camera, { x: this.screen.w / 2, y: this.screen.h / 2 })
    const records = copiedRecords(text)
    if (records) return this.#insert(records, null)
    const place = { ...middle, parentId: this.page, index: this.board.indexOnTop(this.page) }
    const shape = newText(place, this.styles)
    shape.props.richText = plainParagraphs(text.trim().slice(0, 10_000))
    this.board.step(() => this.board.put([shape]))
    this.tool = 'select'
    this.select([shape.id])
  }

  // Looking

  zoomTo(z: number): void {
    this.look(zoomed(this.camera, z, { x: this.screen.w / 2, y: this.screen.h / 2 }))
  }

  zoomStep(direction: 1 | -1): void {
    const steps = direction > 0 ? ZOOM_STEPS : [...ZOOM_STEPS].reverse()
    const next = steps.find((step) => (direction > 0 ? step > this.camera.z * 1.01 : step < this.camera.z / 1.01))
    if (next) this.zoomTo(next)
  }

  fitAll(): void {
    const box = this.scene.boundsOf(this.board.inOrder(this.page))
    this.look(box ? fitting(box, this.screen, this.covered) : { x: this.screen.w / 2, y: this.screen.h / 2, z: 1 })
  }

  centreOn(point: Point): void {
    const { z } = this.camera
    this.look({ x: this.screen.w / 2 / z - point.x, y: this.screen.h / 2 / z - point.y, z })
  }

  turnTo(page: string): void {
    this.page = page
    this.selection = new Set()
    this.fitAll()
  }

  /** The records of what is chosen, with all that lies in it and the ties within. */
  #taken(): Stored[] {
    const shapes = this.selected.flatMap((shape) => [shape, ...this.board.inOrder(shape.id)])
    const ids = new Set(shapes.map(({ id }) => id))
    const ties = [...this.board.bindings()].filter(({ fromId, toId }) => ids.has(fromId) && ids.has(toId))
    return [...ids, ...ties.map(({ id }) => id)].flatMap((id) => this.board.stored(id) ?? [])
  }

  /** New copies of records, moved by `by`, or to the middle of the screen where that is null. */
  #insert(records: readonly Stored[], by: Point | null) {
    const ids = new Map(records.map(({ id, typeName }) => [id, newId(typeName === 'binding' ? 'binding' : 'shape')]))
    const copies = records.map((record): Stored => {
      const copy = structuredClone(record)
      copy.id = ids.get(record.id)!
      if (record.typeName === 'binding') {
        const { fromId, toId } = record as unknown as ArrowBinding
        return { ...copy, fromId: ids.get(fromId) ?? fromId, toId: ids.get(toId) ?? toId }
      }
      return { ...copy, parentId: ids.get(String(record.parentId)) ?? (by ? record.parentId! : this.page) }
    })
    const tops = copies.filter(({ typeName, parentId }) => typeName === 'shape' && ![...ids.values()].includes(String(parentId)))
    this.board.step(() => {
      for (const top of tops) top.index = null
      for (const top of tops) {
        const parent = String(top.parentId)
        const above = tops.filter((other) => other.index !== null && other.parentId === parent).at(-1)
        top.index = above ? indexBetween(String(above.index), null) : this.board.indexOnTop(parent)
      }
      this.board.put(copies)
      const made = tops.flatMap(({ id }) => this.board.shape(id) ?? []).filter((shape): shape is Shape => shape.type !== 'foreign')
      const box = this.scene.boundsOf(made)
      const middle = toPage(this.camera, { x: this.screen.w / 2, y: this.screen.h / 2 })
      if (box) this.shift(made, by ?? { x: middle.x - centre(box).x, y: middle.y - centre(box).y })
    })
    this.tool = 'select'
    this.select(tops.map(({ id }) => id))
  }

  /** Keeps to what is there after a change from anywhere. */
  #follow() {
    if (!this.board.pages.some(({ id }) => id === this.page)) this.page = this.board.pages[0]!.id
    const gone = [...this.selection].filter((id) => !this.board.shape(id))
    if (gone.length) this.selection = new Set([...this.selection].filter((id) => !gone.includes(id)))
    this.changed()
  }
}

function copiedRecords(text: string): Stored[] | null {
  if (!text.startsWith(`{"${CLIPBOARD_MARK}"`)) return null
  try {
    const records: unknown = JSON.parse(text)[CLIPBOARD_MARK]
    if (!Array.isArray(records) || records.length > MAX_PASTED) return null
    return records.every(({ id, typeName }) => typeof id === 'string' && (typeName === 'shape' || typeName === 'binding')) ? records : null
  } catch {
    return null
  }
}
