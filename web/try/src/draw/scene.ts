// What every shape looks like in the plane: its outline, its box, its label, where arrows run. Answers are kept as long as the
// record that they were made from is the same object. Knows no DOM.

import type { Board } from '../board/board'
import { isPlain, plainText, type RichText } from '../board/rich-text'
import type { Arrow, Drawable, Font, Note, Text } from '../board/records'
import { NOTE_SIDE } from '../board/records'
import type { Outline } from '../board/read'
import { arrowBody, distanceTo, type ArrowBody, type Terminal } from '../geometry/arrow'
import { flattened, outline } from '../geometry/outline'
import { angleOf, apply, boxAround, corners, grown, holds, inside, invert, type Box, type Point } from '../geometry/vec'
import { inkPoints } from './ink'
import { lay, widestWord, type Laid, type Measure } from './text'
import { ARROW_LABEL_PX, LABEL_PADDING, LABEL_PX, STROKE, TEXT_PX } from './theme'

/** A shape in its own space. */
export interface Form {
  box: Box
  points: Point[]
  /** `area`: the inside belongs to it; `ring`: closed, but empty inside; `line`: open. */
  kind: 'area' | 'ring' | 'line'
}

/** Text in its shape's own space. */
export interface Label {
  laid: Laid
  font: Font
  /** Height of letters before `scale`. */
  px: number
  scale: number
  align: 'start' | 'middle' | 'end'
  /** Where the block of lines stands; its width is that in which lines are aligned. */
  box: Box
}

export type WithText = Extract<Drawable, { props: { richText: RichText } }>

/** What a newly measured height does to notes and shapes: they grow, and words that are too long get smaller. */
export interface Fit {
  growY?: number
  h?: number
  fontSizeAdjustment?: number
}

const LEAST_TEXT_WIDTH = 16
/** Below this a note's letters do not shrink, px. */
const LEAST_NOTE_PX = 14
/** An arc that is bent less than this is drawn straight, px. */
const STRAIGHT_BELOW = 8

export class Scene {
  #forms = new WeakMap<Drawable, Form>()
  #labels = new WeakMap<Drawable, Label | null>()

  /** Of where arrows run, until anything on the board changes. */
  #arrows = new Map<Arrow, ArrowBody>()

  constructor(
    readonly board: Board,
    readonly measure: Measure
  ) {
    board.watch(() => this.#arrows.clear())
  }

  /** Everything that was measured is measured again: a font has come. */
  forget(): void {
    this.#forms = new WeakMap()
    this.#labels = new WeakMap()
    this.#arrows.clear()
  }

  form(shape: Exclude<Drawable, Arrow>): Form {
    let form = this.#forms.get(shape)
    if (!form || shape.type === 'group') this.#forms.set(shape, (form = this.#form(shape)))
    return form
  }

  label(shape: Drawable): Label | null {
    if (!hasText(shape)) return null
    if (shape.type === 'arrow') return plainText(shape.props.richText) ? this.#arrowLabel(shape) : null
    let label = this.#labels.get(shape)
    if (label === undefined) this.#labels.set(shape, (label = this.#label(shape)))
    return label
  }

  /** The arrow's line in page coordinates. */
  arrow(arrow: Arrow): ArrowBody {
    let body = this.#arrows.get(arrow)
    if (!body) this.#arrows.set(arrow, (body = this.#arrow(arrow)))
    return body
  }

  /** A shape's outline in page coordinates. */
  outline(shape: Drawable): Point[] {
    if (shape.type === 'arrow') return this.arrow(shape).points
    const space = this.board.transform(shape)
    return this.form(shape).points.map((point) => apply(space, point))
  }

  /** The upright box on the page around a shape; null around an empty group. */
  bounds(shape: Drawable): Box | null {
    if (shape.type === 'group') return around(this.board.children(shape.id).map((child) => this.bounds(child)))
    return boxAround(this.outline(shape))
  }

  boundsOf(shapes: Iterable<Drawable>): Box | null {
    return around([...shapes].map((shape) => this.bounds(shape)))
  }

  /**
   * What lies under a point of the page, topmost first. `reach` px beside a line still count. `ring`: only the empty inside of an
   * outline was hit.
   */
  *at(page: string, point: Point, reach: number): Generator<{ shape: Drawable; ring: boolean }> {
    for (const shape of [...this.board.inOrder(page)].reverse()) {
      const hit = this.hit(shape, point, reach)
      if (hit) yield { shape, ring: hit === 'ring' }
    }
  }

  hit(shape: Drawable, point: Point, reach: number): 'whole' | 'ring' | null {
    if (shape.type === 'group') return null
    if (shape.type === 'arrow') {
      const near = distanceTo(point, this.arrow(shape).points, 'open') <= reach + STROKE[shape.props.size] / 2
      return near || this.#onLabel(shape, point) ? 'whole' : null
    }
    const local = apply(invert(this.board.transform(shape)), point)
    const { box, points, kind } = this.form(shape)
    const width = 'size' in (shape.type === 'foreign' ? {} : shape.props) ? STROKE[(shape as { props: { size: 's' } }).props.size] / 2 : 0
    if (!holds(grown(box, reach + width), local)) return null
    if (distanceTo(local, points, kind === 'line' ? 'open' : 'closed') <= reach + width) return 'whole'
    if (kind === 'line' || !inside(local, points)) return null
    return kind === 'area' || this.#onLabel(shape, point) ? 'whole' : 'ring'
  }

  /** How a shape must change so that its text has room. Null: it has. */
  fit(shape: Drawable): Fit | null {
    if (shape.type === 'note') {
      const { font, size, richText } = shape.props
      const room = NOTE_SIDE - 2 * LABEL_PADDING - 1
      const widest = widestWord(richText, { font, px: LABEL_PX[size] }, this.measure)
      const px = Math.max(LEAST_NOTE_PX, Math.min(LABEL_PX[size], Math.floor((LABEL_PX[size] * room) / Math.max(1, widest))))
      const fontSizeAdjustment = px / LABEL_PX[size]
      const { h } = lay(richText, { font, px, maxWidth: room }, this.measure)
      return { fontSizeAdjustment, growY: Math.max(0, h + 2 * LABEL_PADDING - NOTE_SIDE) }
    }
    if (shape.type === 'geo') {
      const label = this.label(shape)
      const needed = label && plainText(shape.props.richText) ? (label.laid.h + 2 * LABEL_PADDING) * shape.props.scale : 0
      return { growY: Math.max(0, needed - shape.props.h) }
    }
    return null
  }

  #arrow(arrow: Arrow): ArrowBody {
    const { props } = arrow
    const space = this.board.transform(arrow)
    const bound = this.board.bindingsOf(arrow.id)
    const terminal = (end: 'start' | 'end'): Terminal => {
      const free = { at: apply(space, props[end]), outline: null }
      const binding = bound[end]
      const target = binding && this.board.shape(binding.toId)
      if (!target || target.type === 'arrow') return free
      const { box } = this.form(target)
      const { normalizedAnchor: anchor, isPrecise, isExact } = binding.props
      const { x, y } = isPrecise ? anchor : { x: 0.5, y: 0.5 }
      const at = apply(this.board.transform(target), { x: box.x + box.w * x, y: box.y + box.h * y })
      return { at, outline: isExact ? null : this.outline(target) }
    }
    const form = {
      kind: props.kind === 'elbow' ? ('elbow' as const) : ('arc' as const),
      bend: Math.abs(props.bend) < STRAIGHT_BELOW * props.scale ? 0 : props.bend,
      turn: props.elbowMidPoint,
      width: STROKE[props.size] * props.scale,
      heads: { start: props.arrowheadStart, end: props.arrowheadEnd },
    }
    return arrowBody(terminal('start'), terminal('end'), form)
  }

  #onLabel(shape: Drawable, point: Point): boolean {
    const label = this.label(shape)
    if (!label || !hasText(shape) || !plainText(shape.props.richText)) return false
    const { box, laid, align } = label
    const w = laid.w * label.scale
    const x = box.x + (align === 'start' ? 0 : align === 'end' ? box.w - w : (box.w - w) / 2)
    return holds({ ...box, x, w }, apply(invert(this.board.transform(shape)), point))
  }

  #form(shape: Exclude<Drawable, Arrow>): Form {
    switch (shape.type) {
      case 'geo': {
        const { geo, w, h, growY, flipX, flipY, fill } = shape.props
        const height = Math.max(1, h + growY)
        const mirrored = ({ x, y }: Point) => ({ x: flipX ? w - x : x, y: flipY ? height - y : y })
        const points = flattened(outline(geo as Outline, Math.max(1, w), height)[0]!).map(mirrored)
        return { box: { x: 0, y: 0, w, h: height }, points, kind: fill === 'none' ? 'ring' : 'area' }
      }
      case 'draw':
      case 'highlight': {
        const points = inkPoints(shape)
        const closed = shape.type === 'draw' && shape.props.isClosed
        const kind = !closed ? 'line' : shape.props.fill === 'none' ? 'ring' : 'area'
        return { box: boxAround(points) ?? { x: 0, y: 0, w: 0, h: 0 }, points: points.length ? points : [{ x: 0, y: 0 }], kind }
      }
      case 'text': {
        const { laid, scale, box } = this.label(shape)!
        return area({ x: 0, y: 0, w: box.w, h: laid.h * scale })
      }
      case 'note': {
        const { scale, growY } = shape.props
        return area({ x: 0, y: 0, w: NOTE_SIDE * scale, h: (NOTE_SIDE + growY) * scale })
      }
      case 'group': {
        const back = invert(this.board.transform(shape))
        const box = boxAround(this.board.inOrder(shape.id).flatMap((child) => (child.type === 'group' ? [] : this.outline(child))).map((p) => apply(back, p)))
        return area(box ?? { x: 0, y: 0, w: 0, h: 0 })
      }
      case 'foreign':
        return { ...area(shape.box), kind: shape.kind === 'frame' ? 'ring' : 'area' }
    }
  }

  #label(shape: Exclude<WithText, Arrow>): Label {
    const { font, size, scale, richText } = shape.props
    if (shape.type === 'text') return this.#textLabel(shape)
    const note = shape.type === 'note'
    const px = note ? LABEL_PX[size] * notePx(shape) : LABEL_PX[size]
    const w = note ? NOTE_SIDE * scale : shape.props.w
    const h = (note ? NOTE_SIDE * scale : shape.props.h) + shape.props.growY * (note ? scale : 1)
    const room = Math.max(w / scale - 2 * LABEL_PADDING, px)
    const laid = lay(richText, { font, px, maxWidth: room }, this.measure)
    const pad = LABEL_PADDING * scale
    const height = laid.h * scale
    const vertical = sideOf(shape.props.verticalAlign)
    const y = vertical === 'start' ? pad : vertical === 'end' ? h - pad - height : (h - height) / 2
    return { laid, font, px, scale, align: sideOf(shape.props.align), box: { x: (w - room * scale) / 2, y, w: room * scale, h: height } }
  }

  #textLabel({ props }: Text): Label {
    const { font, size, scale, richText, autoSize, w, textAlign } = props
    const px = TEXT_PX[size]
    const laid = lay(richText, { font, px, maxWidth: autoSize ? null : Math.max(LEAST_TEXT_WIDTH, Math.floor(w)) }, this.measure)
    const width = autoSize ? Math.max(LEAST_TEXT_WIDTH, laid.w + 1) : Math.max(LEAST_TEXT_WIDTH, w)
    return { laid, font, px, scale, align: sideOf(textAlign), box: { x: 0, y: 0, w: width * scale, h: laid.h * scale } }
  }

  #arrowLabel(arrow: Arrow): Label {
    const { font, size, scale, richText } = arrow.props
    const px = ARROW_LABEL_PX[size]
    const laid = lay(richText, { font, px, maxWidth: px * 16 }, this.measure)
    const middle = apply(invert(this.board.transform(arrow)), this.arrow(arrow).middle)
    const [w, h] = [laid.w * scale, laid.h * scale]
    return { laid, font, px, scale, align: 'middle', box: { x: middle.x - w / 2, y: middle.y - h / 2, w, h } }
  }

  /** The box that handles are put around: turned with a single shape, upright around several. */
  frame(shapes: readonly Drawable[]): { corners: Point[]; angle: number; box: Box } | null {
    const only = shapes.length === 1 ? shapes[0]! : null
    if (only && only.type !== 'arrow' && only.type !== 'group') {
      const space = this.board.transform(only)
      const { box } = this.form(only)
      return { corners: corners(box).map((p) => apply(space, p)), angle: angleOf(space), box }
    }
    const box = this.boundsOf(shapes)
    return box && { corners: corners(box), angle: 0, box }
  }
}

export const hasText = (shape: Drawable): shape is WithText =>
  shape.type === 'geo' || shape.type === 'text' || shape.type === 'note' || shape.type === 'arrow'

/** Whether its text can be edited here without loss. */
export const editable = (shape: Drawable): shape is WithText => hasText(shape) && isPlain(shape.props.richText)

const notePx = ({ props }: Note) => {
  const ratio = props.fontSizeAdjustment ?? 1
  return ratio > 0 && ratio <= 1 ? ratio : 1
}

const area = (box: Box): Form => ({ box, points: corners(box), kind: 'area' })

const around = (boxes: (Box | null)[]) => boxAround(boxes.flatMap((box) => (box ? corners(box) : [])))

function sideOf(align: string): 'start' | 'middle' | 'end' {
  const side = align.replace('-legacy', '')
  return side === 'start' || side === 'end' ? side : 'middle'
}
