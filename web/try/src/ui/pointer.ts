// Mouse, pen, fingers and wheel on the canvas: which gesture begins, and two fingers or the wheel move the page whatever the tool.

import { panned, toPage, zoomed } from '../edit/camera'
import type { Editor } from '../edit/editor'
import { Brush, Erase, Move, Pan, Resize, Rotate } from '../edit/arranging'
import { reach, type Gesture, type Touch } from '../edit/gesture'
import { ArrowEnd, Ink, NewArrow, NewBox, NewNote, NewText, Write } from '../edit/making'
import { editable } from '../draw/scene'
import type { Shape } from '../board/records'
import { distance, mix, sub, type Point } from '../geometry/vec'
import type { Stage } from './stage'

const WHEEL_LINE_PX = 32
const TWICE_WITHIN_MS = 400
const TWICE_WITHIN_PX = 12
/** Of an arrow that keys make, px of the screen. */
const ARROW_PX = 160

export class Pointer {
  #stage: Stage
  #editor: Editor
  #gesture: { id: number; gesture: Gesture } | null = null
  #fingers = new Map<number, Point>()
  #space = false
  #lastClick = { time: 0, at: { x: -99, y: -99 } }
  /** Once a pen was used, fingers no longer draw. */
  #penSeen = false

  constructor(stage: Stage, editor: Editor) {
    this.#stage = stage
    this.#editor = editor
    const { element } = stage
    element.addEventListener('pointerdown', (event) => this.#down(event))
    element.addEventListener('pointermove', (event) => this.#move(event))
    element.addEventListener('pointerup', (event) => this.#up(event, 'end'))
    element.addEventListener('pointercancel', (event) => this.#up(event, 'cancel'))
    element.addEventListener('pointerleave', () => {
      editor.pointer = null
      editor.changed()
    })
    element.addEventListener('wheel', (event) => this.#wheel(event), { passive: false })
    element.addEventListener('contextmenu', (event) => event.preventDefault())
    // Safari's own pinch would zoom the whole page.
    for (const name of ['gesturestart', 'gesturechange']) element.addEventListener(name, (event) => event.preventDefault())
  }

  /** The space bar is held: any drag moves the page. */
  space(held: boolean): void {
    this.#space = held
    this.#stage.element.dataset.cursor = held ? 'grab' : ''
  }

  /** Takes back what is just being done. */
  cancel(): boolean {
    if (!this.#gesture) return false
    this.#gesture.gesture.cancel()
    this.#gesture = null
    return true
  }

  get busy(): boolean {
    return this.#gesture !== null
  }

  /** What a click in the middle of what is seen would make. An arrow, which a click does not draw, gets a length. False: nothing. */
  press(): boolean {
    const editor = this.#editor
    const { camera, covered, screen, tool } = editor
    if (this.busy || editor.readOnly || tool === 'select' || tool === 'hand' || tool === 'pen' || tool === 'eraser') return false
    const middle = { x: (covered.left + screen.w - covered.right) / 2, y: (covered.top + screen.h - covered.bottom) / 2 }
    // With ctrl, so that it is tied to nothing that happens to lie there.
    const at = (x: number): Touch => {
      const there = { x: middle.x + x, y: middle.y }
      return { screen: there, page: toPage(camera, there), pressure: null, shift: false, alt: false, ctrl: true }
    }
    const length = tool === 'arrow' ? ARROW_PX : 0
    const gesture = making(editor, tool, at(-length / 2))
    if (length) gesture.move(at(length / 2))
    gesture.end()
    return true
  }

  #touch(event: PointerEvent): Touch {
    const screen = this.#stage.point(event)
    const pressure = event.pointerType === 'pen' && event.pressure > 0 ? event.pressure : null
    const { shiftKey: shift, altKey: alt } = event
    return { screen, page: toPage(this.#editor.camera, screen), pressure, shift, alt, ctrl: event.ctrlKey || event.metaKey }
  }

  #down(event: PointerEvent) {
    const { element } = this.#stage
    element.focus({ preventScroll: true })
    // Text that is being written is done when something else is touched; its own element keeps what touches it.
    if (this.#editor.editing) (document.activeElement as HTMLElement | null)?.blur()
    element.setPointerCapture(event.pointerId)
    if (event.pointerType === 'pen') this.#penSeen = true
    if (event.pointerType === 'touch') {
      this.#fingers.set(event.pointerId, this.#stage.point(event))
      if (this.#fingers.size > 1) {
        this.cancel()
        return
      }
    }
    if (this.#gesture) return
    const gesture = this.#begin(event)
    if (gesture) this.#gesture = { id: event.pointerId, gesture }
  }

  #begin(event: PointerEvent): Gesture | null {
    const editor = this.#editor
    const touch = this.#touch(event)
    const finger = event.pointerType === 'touch'
    if (event.button === 1 || this.#space || editor.tool === 'hand' || (finger && this.#penSeen)) return new Pan(editor, touch)
    if (event.button !== 0) return null
    const second = this.#twice(event, touch)
    if (second) return second
    if (editor.readOnly) return editor.tool === 'select' ? this.#choose(touch, finger) : null
    switch (editor.tool) {
      case 'pen':
        return new Ink(editor, touch)
      case 'eraser':
        return new Erase(editor, touch)
      case 'select':
        return this.#choose(touch, finger)
      default:
        return making(editor, editor.tool, touch)
    }
  }

  #choose(touch: Touch, finger: boolean): Gesture {
    const editor = this.#editor
    const grip = this.#stage.grip(touch.screen, finger)
    if (grip?.kind === 'resize') return new Resize(editor, grip.handle)
    if (grip?.kind === 'rotate') return new Rotate(editor, touch)
    if (grip?.kind === 'end') return new ArrowEnd(editor, editor.selected[0]!.id, grip.end)

    const { whole, ring } = this.#under(touch.page, finger ? 2 : 1)
    if (whole) {
      const chosen = editor.selection.has(whole.id)
      if (touch.shift) {
        const rest = new Set(editor.selection)
        if (chosen) rest.delete(whole.id)
        else rest.add(whole.id)
        editor.select(rest)
        return new Brush(editor, touch, () => {})
      }
      if (!chosen) editor.select([whole.id])
      if (editor.readOnly) return new Brush(editor, touch, () => {})
      return new Move(editor, touch, () => editor.select([whole.id]))
    }
    // Inside the box of what is chosen a drag moves it, also where nothing is drawn.
    if (ring && editor.selection.has(ring.id) && !editor.readOnly) return new Move(editor, touch, () => {})
    if (!touch.shift) editor.select([])
    return new Brush(editor, touch, () => ring && editor.select(touch.shift ? [...editor.selection, ring.id] : [ring.id]))
  }

  /** What lies topmost at a point, and the smallest outline around it. */
  #under(point: Point, wide: number): { whole: Shape | null; ring: Shape | null } {
    const { scene, page } = this.#editor
    let ring: { shape: Shape; area: number } | null = null
    for (const hit of scene.at(page, point, reach(this.#editor) * wide)) {
      const owner = this.#editor.owner(hit.shape)
      if (!owner) continue
      if (!hit.ring) return { whole: owner, ring: ring?.shape ?? null }
      const box = scene.bounds(hit.shape)
      const area = box ? box.w * box.h : Infinity
      if (!ring || area < ring.area) ring = { shape: owner, area }
    }
    return { whole: null, ring: ring?.shape ?? null }
  }

  /** A second click at one place: text is written there. It begins when the button comes up, because going down moves the focus. */
  #twice(event: PointerEvent, touch: Touch): Gesture | null {
    const last = this.#lastClick
    this.#lastClick = { time: event.timeStamp, at: touch.screen }
    const editor = this.#editor
    if (editor.tool !== 'select' || editor.readOnly) return null
    if (event.timeStamp - last.time > TWICE_WITHIN_MS || distance(last.at, touch.screen) > TWICE_WITHIN_PX) return null
    this.#lastClick.time = 0
    for (const { shape } of editor.scene.at(editor.page, touch.page, reach(editor))) {
      if (editor.owner(shape) && editable(shape)) return new Write(editor, shape)
    }
    return this.#under(touch.page, 1).whole ? null : new NewText(editor, touch)
  }

  #move(event: PointerEvent) {
    const editor = this.#editor
    editor.pointer = toPage(editor.camera, this.#stage.point(event))
    const before = this.#fingers.get(event.pointerId)
    if (before && this.#fingers.size === 2 && !this.#gesture) {
      this.#pinch(event, before)
      return
    }
    if (before) this.#fingers.set(event.pointerId, this.#stage.point(event))
    if (this.#gesture?.id === event.pointerId) {
      // All that a pen did between two frames, where the browser tells.
      const parts = this.#gesture.gesture instanceof Ink ? (event.getCoalescedEvents?.() ?? []) : []
      for (const part of parts.length ? parts : [event]) this.#gesture.gesture.move(this.#touch(part))
    }
    this.#look(event)
    editor.changed()
  }

  /** The shape of the cursor says what a press would do. */
  #look(event: PointerEvent) {
    const { element } = this.#stage
    if (this.#space || this.#gesture) return
    const editor = this.#editor
    const crossed = ['pen', 'rectangle', 'ellipse', 'arrow', 'note', 'eraser'].includes(editor.tool)
    let cursor = editor.tool === 'hand' ? 'grab' : editor.tool === 'text' ? 'text' : crossed ? 'cross' : ''
    if (editor.tool === 'select' && event.pointerType === 'mouse') {
      const screen = this.#stage.point(event)
      const grip = this.#stage.grip(screen, false)
      if (grip?.kind === 'rotate' || grip?.kind === 'end') cursor = 'grab'
      else if (grip?.kind === 'resize') cursor = grip.handle.x && grip.handle.y ? (grip.handle.x === grip.handle.y ? 'nwse' : 'nesw') : grip.handle.x ? 'ew' : 'ns'
      else if (this.#under(toPage(editor.camera, screen), 1).whole) cursor = 'move'
    }
    element.dataset.cursor = cursor
  }

  #pinch(event: PointerEvent, before: Point) {
    const other = [...this.#fingers].find(([id]) => id !== event.pointerId)![1]
    const now = this.#stage.point(event)
    const { camera } = this.#editor
    const ratio = distance(now, other) / Math.max(1, distance(before, other))
    const [from, to] = [mix(before, other, 0.5), mix(now, other, 0.5)]
    this.#editor.look(zoomed(panned(camera, sub(to, from)), camera.z * ratio, to))
    this.#fingers.set(event.pointerId, now)
  }

  #up(event: PointerEvent, how: 'end' | 'cancel') {
    this.#fingers.delete(event.pointerId)
    if (event.pointerType === 'touch') this.#editor.pointer = null
    if (this.#gesture?.id !== event.pointerId) return
    const { gesture } = this.#gesture
    this.#gesture = null
    if (how === 'end') gesture.end()
    else gesture.cancel()
  }

  #wheel(event: WheelEvent) {
    event.preventDefault()
    const { camera } = this.#editor
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? WHEEL_LINE_PX : 1
    const by = { x: event.deltaX * unit, y: event.deltaY * unit }
    if (event.ctrlKey || event.metaKey) {
      // A pinch on a trackpad comes as a wheel with ctrl, in small steps; a wheel itself in large ones.
      const step = Math.max(-60, Math.min(60, by.y))
      this.#editor.look(zoomed(camera, camera.z * Math.exp(-step / 120), this.#stage.point(event)))
      return
    }
    const sideways = event.shiftKey && by.x === 0
    this.#editor.look(panned(camera, sideways ? { x: -by.y, y: 0 } : { x: -by.x, y: -by.y }))
  }
}

function making(editor: Editor, tool: 'rectangle' | 'ellipse' | 'arrow' | 'note' | 'text', touch: Touch): Gesture {
  switch (tool) {
    case 'rectangle':
    case 'ellipse':
      return new NewBox(editor, touch, tool)
    case 'arrow':
      return new NewArrow(editor, touch)
    case 'note':
      return new NewNote(editor, touch)
    case 'text':
      return new NewText(editor, touch)
  }
}
