// The canvas on the screen: shapes in one SVG that moves with the camera, handles and other people's cursors above it at the size
// of the screen. At most one drawing a frame, and only of what has changed.

import type { Drawable } from '../board/records'
import { matrix, Painter } from '../draw/paint'
import type { Theme } from '../draw/theme'
import { toScreen, type Camera } from '../edit/camera'
import type { Editor } from '../edit/editor'
import { HANDLES, type Handle } from '../edit/resize'
import { boxAround, corners, distance, meet, mix, rotate, type Box, type Point } from '../geometry/vec'
import { inkOn, type Other, type Presence } from '../net/presence'
import { html, svg } from './dom'

/** What of the selection lies under the pointer. */
export type Grip = { kind: 'resize'; handle: Handle } | { kind: 'rotate' } | { kind: 'end'; end: 'start' | 'end' | 'middle' }

const GRIP_PX = 8
const FINGER_PX = 20
/** How far above its box the knob to turn a shape stands, px. */
const KNOB_AWAY = 26
/** Smaller boxes have no handles in the middle of their sides, px. */
const SIDES_FROM = 36
const MAX_CURSORS = 100
/** Of more chosen shapes only the box around all is shown. */
const MAX_OUTLINED = 200
/** As in style.css. */
const GRID_PX = 24
const REST_AFTER_MS = 160

interface Painted {
  element: SVGGElement
  shape: Drawable
  text: 'shown' | 'hidden'
  opacity: number
}

export class Stage {
  readonly element = html('div', { class: 'stage', tabindex: 0, role: 'application', 'aria-label': 'Board' })
  readonly painter: Painter
  #editor: Editor
  #presence: Presence
  #root = svg('g')
  /** Moved and scaled as a whole by the browser's compositor; its shapes are not touched by that. */
  #world = html('div', { class: 'world' })
  #grid = html('div', { class: 'grid' })
  #above = svg('svg', { class: 'above', 'aria-hidden': 'true' })
  #cursors = html('div', { class: 'cursors', 'aria-hidden': 'true' })
  #shapes = new Map<string, Painted>()
  #dirty = new Set<string>()
  #all = true
  #frame = 0
  #hidden: string | null = null
  #watchers = new Set<() => void>()
  #pointers = new Map<number, HTMLElement>()
  #page = ''
  /** As of the last frame, for shapes and for cursors. */
  #camera = ''
  #lastCamera = ''
  #resting: number | undefined

  constructor(editor: Editor, presence: Presence, theme: Theme) {
    this.#editor = editor
    this.#presence = presence
    const defs = svg('defs')
    this.painter = new Painter(editor.scene, theme, defs)
    this.#world.append(svg('svg', { class: 'picture', 'aria-hidden': 'true' }, defs, this.#root))
    this.element.append(this.#grid, this.#world, this.#above, this.#cursors)
    editor.board.watch((ids) => {
      for (const id of ids) this.#dirty.add(id)
      this.draw()
    })
    editor.watch(() => this.draw())
    new ResizeObserver(() => this.#measure()).observe(this.element)
    this.#ring()
  }

  /** Calls `watcher` after each frame that was drawn. */
  watch(watcher: () => void): void {
    this.#watchers.add(watcher)
  }

  draw(): void {
    this.#frame ||= requestAnimationFrame(() => this.#now())
  }

  /** Everything is drawn anew: the theme, a font or the page is another. */
  renew(theme: Theme): void {
    this.painter.theme = theme
    this.#all = true
    this.draw()
  }

  /** A point of the window on the canvas. */
  point({ clientX, clientY }: { clientX: number; clientY: number }): Point {
    const { left, top } = this.element.getBoundingClientRect()
    return { x: clientX - left, y: clientY - top }
  }

  grip(at: Point, finger: boolean): Grip | null {
    const near = finger ? FINGER_PX : GRIP_PX + 2
    let best: { grip: Grip; away: number } | null = null
    for (const { grip, at: place } of this.#grips()) {
      const away = distance(at, place)
      if (away <= near && (!best || away < best.away)) best = { grip, away }
    }
    return best?.grip ?? null
  }

  /** A ring only where the tab key led here: the board also has the focus after every click and every text. */
  #ring() {
    const { element } = this
    let tabbed = false
    window.addEventListener('keydown', ({ key }) => (tabbed = key === 'Tab'), true)
    window.addEventListener('pointerdown', () => (tabbed = false), true)
    element.addEventListener('focus', () => element.classList.toggle('ringed', tabbed))
    for (const end of ['blur', 'pointerdown']) element.addEventListener(end, () => element.classList.remove('ringed'))
  }

  #now() {
    this.#frame = 0
    const { board, camera, page, editing } = this.#editor
    if (page !== this.#page) this.#all = true
    this.#page = page
    const hidden = editing && !editing.fresh ? editing.shape.id : null
    if (hidden !== this.#hidden) for (const id of [hidden, this.#hidden]) if (id) this.#dirty.add(id)
    this.#hidden = hidden
    this.#lookFrom(camera)
    if (this.#all || this.#dirty.size) this.#paint(board.inOrder(page))
    this.#drawAbove()
    this.#drawCursors()
    for (const watcher of this.#watchers) watcher()
  }

  #paint(shapes: readonly Drawable[]) {
    const stale = this.#all ? null : this.#affected(shapes)
    const here = new Set(shapes.map(({ id }) => id))
    for (const [id, { element }] of this.#shapes) {
      if (here.has(id)) continue
      this.#shapes.delete(id)
      element.remove()
    }
    let before: ChildNode | null = this.#root.firstChild
    for (const shape of shapes) {
      const old = this.#shapes.get(shape.id)
      let element = old?.element
      if (!old || !stale || stale.has(shape.id)) {
        element = this.#painted(shape, stale ? old : undefined)
        if (element !== old?.element) {
          if (old && old.element === before) before = before.nextSibling
          old?.element.remove()
        }
      }
      if (element === before) before = before!.nextSibling
      else this.#root.insertBefore(element!, before)
    }
    this.#dirty.clear()
    this.#all = false
  }

  /** A shape that was only moved keeps its picture. */
  #painted(shape: Drawable, old: Painted | undefined): SVGGElement {
    const text = shape.id === this.#hidden ? 'hidden' : 'shown'
    const opacity = this.#editor.board.opacity(shape)
    const same = old && old.text === text && old.opacity === opacity && shape.type !== 'arrow' && looksOf(shape) === looksOf(old.shape)
    if (same) {
      old.element.setAttribute('transform', matrix(this.#editor.board.transform(shape)))
      old.shape = shape
      return old.element
    }
    const element = this.painter.paint(shape, text)
    this.#shapes.set(shape.id, { element, shape, text, opacity })
    return element
  }

  #lookFrom({ x, y, z }: Camera) {
    const now = `${x} ${y} ${z}`
    if (now === this.#camera) return
    this.#camera = now
    this.#world.style.transform = `scale(${z}) translate(${x}px, ${y}px)`
    // Its own element, and no variable: a changed variable has the styles of every shape looked up again.
    this.#grid.style.transform = `translate(${(x * z) % GRID_PX}px, ${(y * z) % GRID_PX}px)`
    // While it moves it is a picture that is pushed about; at rest it is drawn sharply again.
    this.#world.style.willChange = 'transform'
    clearTimeout(this.#resting)
    this.#resting = window.setTimeout(() => (this.#world.style.willChange = ''), REST_AFTER_MS)
  }

  /** What looks different because something else has changed: what lies in it, and arrows that are tied to either. */
  #affected(shapes: readonly Drawable[]): Set<string> {
    const { board } = this.#editor
    const stale = new Set(this.#dirty)
    for (const shape of shapes) if (stale.has(shape.parentId)) stale.add(shape.id)
    for (const { id, fromId, toId } of board.bindings()) if (stale.has(id) || stale.has(toId)) stale.add(fromId)
    // A tie that is gone cannot say whose it was.
    if ([...this.#dirty].some((id) => id.startsWith('binding:') && !board.stored(id))) {
      for (const shape of shapes) if (shape.type === 'arrow') stale.add(shape.id)
    }
    return stale
  }

  #grips(): { grip: Grip; at: Point }[] {
    const { editor, frame } = { editor: this.#editor, frame: this.#selectionFrame() }
    if (!frame || editor.readOnly || editor.editing || editor.tool !== 'select') return []
    const shapes = editor.selected
    const only = shapes.length === 1 ? shapes[0]! : null
    if (only?.type === 'arrow') {
      const body = editor.scene.arrow(only)
      const ends = (['start', 'end'] as const).map((end) => ({ grip: { kind: 'end' as const, end }, at: toScreen(editor.camera, body[end]) }))
      const middle = { grip: { kind: 'end' as const, end: 'middle' as const }, at: toScreen(editor.camera, body.middle) }
      return only.props.kind === 'elbow' ? ends : [...ends, middle]
    }
    const [a, b, c, d] = frame.corners as [Point, Point, Point, Point]
    const [w, h] = [distance(a, b), distance(b, c)]
    const at = ({ x, y }: Handle) => mix(mix(a, b, (x + 1) / 2), mix(d, c, (x + 1) / 2), (y + 1) / 2)
    const still = shapes.every(({ type }) => type === 'note')
    const handles = HANDLES.filter(({ x, y }) => {
      if (still) return false
      if (x && y) return true
      if (only?.type === 'text' && y) return false
      return x ? h >= SIDES_FROM || only?.type === 'text' : w >= SIDES_FROM
    })
    const knob = { grip: { kind: 'rotate' as const }, at: this.#knob(frame.corners) }
    return [...handles.map((handle) => ({ grip: { kind: 'resize' as const, handle }, at: at(handle) })), knob]
  }

  #knob([a, b]: readonly Point[]): Point {
    const top = mix(a!, b!, 0.5)
    const angle = Math.atan2(b!.y - a!.y, b!.x - a!.x)
    const { x, y } = rotate({ x: 0, y: -KNOB_AWAY }, angle)
    return { x: top.x + x, y: top.y + y }
  }

  /** On the screen, a little around the shapes. */
  #selectionFrame(): { corners: Point[]; angle: number } | null {
    const { scene, selected, camera } = this.#editor
    const frame = selected.length ? scene.frame(selected) : null
    if (!frame) return null
    const turned = frame.corners.map((p) => rotate(toScreen(camera, p), -frame.angle))
    const box = boxAround(turned)!
    return { corners: corners({ x: box.x - 3, y: box.y - 3, w: box.w + 6, h: box.h + 6 }).map((p) => rotate(p, frame.angle)), angle: frame.angle }
  }

  #drawAbove() {
    const { scene, camera, brush, hint, board, selected, tool, editing } = this.#editor
    const parts: SVGElement[] = []
    const line = (points: readonly Point[], kind: string, color?: string) => {
      const shape = svg(kind === 'others' || kind === 'chosen' ? 'polygon' : 'polyline', { points: points.map(({ x, y }) => `${x},${y}`).join(' '), class: kind })
      if (color) shape.setAttribute('stroke', color)
      parts.push(shape)
    }
    const boxOf = (shape: Drawable) => {
      const frame = shape.type === 'arrow' ? null : scene.frame([shape as never])
      return (frame ? frame.corners : corners(scene.bounds(shape) ?? ZERO)).map((p) => toScreen(camera, p))
    }
    for (const { selected, color, page } of this.#others()) {
      if (page !== this.#page) continue
      for (const id of selected) {
        const shape = board.shape(id)
        if (shape) line(boxOf(shape), 'others', color)
      }
    }
    if (hint) {
      const shape = board.shape(hint)
      if (shape) line(boxOf(shape), 'chosen')
    }
    if (tool === 'select' || tool === 'eraser') {
      if ((selected.length > 1 && selected.length <= MAX_OUTLINED) || tool === 'eraser') for (const shape of selected) line(boxOf(shape), tool === 'eraser' ? 'others doomed' : 'chosen')
      const frame = this.#selectionFrame()
      const only = selected.length === 1 ? selected[0]! : null
      if (frame && tool === 'select' && only?.type !== 'arrow') line(frame.corners, 'chosen')
      if (only?.type === 'arrow') line(scene.arrow(only).points.map((p) => toScreen(camera, p)), 'along')
      if (!editing) {
        for (const { grip, at } of this.#grips()) {
          const round = grip.kind !== 'resize'
          const s = GRIP_PX
          const place = round ? { cx: at.x, cy: at.y, r: s / 2 + 1 } : { x: at.x - s / 2, y: at.y - s / 2, width: s, height: s, rx: 2 }
          const angle = ((frame?.angle ?? 0) * 180) / Math.PI
          parts.push(svg(round ? 'circle' : 'rect', { ...place, class: `grip ${grip.kind}`, ...(round ? {} : { transform: `rotate(${angle} ${at.x} ${at.y})` }) }))
        }
      }
    }
    if (brush) {
      const { x, y } = toScreen(camera, brush)
      parts.push(svg('rect', { x, y, width: brush.w * camera.z, height: brush.h * camera.z, class: 'brush' }))
    }
    if (parts.length || this.#above.hasChildNodes()) this.#above.replaceChildren(...parts)
  }

  #others(): Other[] {
    return this.#presence.others.slice(0, MAX_CURSORS)
  }

  #drawCursors() {
    const { camera, page, screen } = this.#editor
    // Cursors glide between the places that we hear of, but stay on the page when it is the page that moves.
    const now = `${camera.x} ${camera.y} ${camera.z}`
    this.#cursors.classList.toggle('still', now !== this.#lastCamera)
    this.#lastCamera = now
    const seen = new Set<number>()
    for (const { client, name, color, cursor, page: theirs } of this.#others()) {
      if (!cursor || theirs !== page) continue
      const at = toScreen(camera, cursor)
      if (!meet({ x: -40, y: -40, w: screen.w + 80, h: screen.h + 80 }, { ...at, w: 0, h: 0 })) continue
      seen.add(client)
      let element = this.#pointers.get(client)
      if (!element) {
        element = html('div', { class: 'cursor' }, svg('svg', { viewBox: '0 0 18 18' }, svg('path', { d: 'M2 1 L15 8.5 L8.6 10 L5.6 16 Z' })), html('span'))
        this.#pointers.set(client, element)
        this.#cursors.append(element)
      }
      element.style.transform = `translate(${at.x}px, ${at.y}px)`
      element.style.setProperty('--color', color)
      element.style.setProperty('--on', inkOn(color))
      const label = element.lastElementChild!
      if (label.textContent !== name) label.textContent = name
    }
    for (const [client, element] of this.#pointers) {
      if (seen.has(client)) continue
      element.remove()
      this.#pointers.delete(client)
    }
  }

  #measure() {
    const { clientWidth: w, clientHeight: h } = this.element
    this.#editor.screen = { w: Math.max(1, w), h: Math.max(1, h) }
    this.#editor.changed()
  }
}

/** What of a shape its picture is made of, besides its place. */
const looksOf = (shape: Drawable) => (shape.type === 'foreign' ? shape : shape.props)

const ZERO: Box = { x: 0, y: 0, w: 0, h: 0 }
