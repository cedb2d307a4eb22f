// What becomes of shapes when a handle of their box is pulled. Pure: shapes as they were when the pull began in, changes out.

import type { Board } from '../board/board'
import type { Shape } from '../board/records'
import type { Scene } from '../draw/scene'
import { apply, invert, rotate, sub, type Box, type Point } from '../geometry/vec'

/** -1, 0, 1: which side of the box is pulled; 0 is neither. */
export interface Handle {
  x: -1 | 0 | 1
  y: -1 | 0 | 1
}

export const HANDLES: readonly Handle[] = [
  { x: 0, y: -1 },
  { x: 1, y: 0 },
  { x: 0, y: 1 },
  { x: -1, y: 0 },
  { x: -1, y: -1 },
  { x: 1, y: -1 },
  { x: 1, y: 1 },
  { x: -1, y: 1 },
]

/** The least side, px. */
const MIN_SIDE = 1

type Change = readonly [id: string, change: object]

/** The point of a box that stays when `handle` is pulled; the opposite one is where it is held. */
export const anchorOf = ({ x, y, w, h }: Box, handle: Handle, side: 1 | -1): Point => ({
  x: x + (w * (1 + side * handle.x)) / 2,
  y: y + (h * (1 + side * handle.y)) / 2,
})

/** By how much a pull from the handle to `to` makes the box larger; below 0 turns it over. */
export function factors(box: Box, handle: Handle, to: Point, ratio: 'free' | 'kept'): { x: number; y: number } {
  const still = anchorOf(box, handle, -1)
  const held = anchorOf(box, handle, 1)
  const along = (a: number, b: number, p: number) => (a === b ? 1 : (p - a) / (b - a))
  const x = handle.x ? along(still.x, held.x, to.x) : 1
  const y = handle.y ? along(still.y, held.y, to.y) : 1
  if (ratio === 'free') return { x, y }
  const most = !handle.x ? y : !handle.y ? x : Math.abs(x) > Math.abs(y) ? x : y
  return { x: handle.x ? Math.abs(most) * (Math.sign(x) || 1) : Math.abs(most), y: handle.y ? Math.abs(most) * (Math.sign(y) || 1) : Math.abs(most) }
}

/** One shape, in its own turned space. `to` is where the handle was pulled to, on the page. */
export function resizeOne(shape: Shape, box: Box, handle: Handle, to: Point, ratio: 'free' | 'kept', board: Board): Change[] {
  if (shape.type === 'arrow' || shape.type === 'note' || shape.type === 'group') return []
  const space = board.transform(shape)
  const local = apply(invert(space), to)
  const corner = handle.x !== 0 && handle.y !== 0
  const whole = shape.type === 'text' && corner
  const f = factors(box, handle, local, whole ? 'kept' : ratio)
  const still = anchorOf(box, handle, -1)
  // Where the old origin of the box comes to lie: everything is scaled about the point that stays.
  const [sx, sy] = [Math.max(Math.abs(f.x), MIN_SIDE / Math.max(1, box.w)), Math.max(Math.abs(f.y), MIN_SIDE / Math.max(1, box.h))]
  const left = still.x + (box.x - still.x) * sx * (Math.sign(f.x) || 1)
  const top = still.y + (box.y - still.y) * sy * (Math.sign(f.y) || 1)
  const place = (p: Point) => {
    const { x, y } = board.into(shape.parentId, apply(space, p))
    return { x, y }
  }
  switch (shape.type) {
    case 'geo': {
      const [w, h] = [box.w * sx, box.h * sy]
      return [[shape.id, { ...place({ x: f.x < 0 ? left - w : left, y: f.y < 0 ? top - h : top }), props: { w, h, growY: 0 } }]]
    }
    case 'draw':
    case 'highlight': {
      const [mx, my] = [sx * (Math.sign(f.x) || 1), sy * (Math.sign(f.y) || 1)]
      const origin = { x: still.x - still.x * mx, y: still.y - still.y * my }
      return [[shape.id, { ...place(origin), props: { scaleX: shape.props.scaleX * mx, scaleY: shape.props.scaleY * my } }]]
    }
    case 'text': {
      if (whole) {
        const scale = shape.props.scale * sx
        const size = { w: box.w * sx, h: box.h * sx }
        return [[shape.id, { ...place({ x: f.x < 0 ? left - size.w : left, y: f.y < 0 ? top - size.h : top }), props: { scale, ...(shape.props.autoSize ? {} : { w: shape.props.w }) } }]]
      }
      if (!handle.x) return []
      const w = Math.max(16, (box.w * sx) / shape.props.scale)
      const origin = { x: handle.x < 0 ? still.x - w * shape.props.scale : box.x, y: box.y }
      return [[shape.id, { ...place(origin), props: { w, autoSize: false } }]]
    }
  }
}

/** Several shapes, about the corner of their common box that stays. Turned ones are only moved along. */
export function resizeMany(shapes: readonly Shape[], box: Box, handle: Handle, to: Point, ratio: 'free' | 'kept', scene: Scene): Change[] {
  const raw = factors(box, handle, to, ratio)
  const f = { x: Math.max(0.02, raw.x), y: Math.max(0.02, raw.y) }
  const still = anchorOf(box, handle, -1)
  const moved = (p: Point): Point => ({ x: still.x + (p.x - still.x) * f.x, y: still.y + (p.y - still.y) * f.y })
  const { board } = scene
  return shapes.flatMap((shape): Change[] => {
    if (shape.type === 'arrow') {
      const space = board.transform(shape)
      const at = moved(apply(space, { x: 0, y: 0 }))
      const end = (p: Point) => rotate(sub(moved(apply(space, p)), at), -shape.rotation)
      const ends = { start: end(shape.props.start), end: end(shape.props.end) }
      return [[shape.id, { ...board.into(shape.parentId, at), props: { ...ends, bend: shape.props.bend * Math.min(f.x, f.y) } }]]
    }
    const own = scene.form(shape).box
    const space = board.transform(shape)
    const upright = Math.abs(Math.sin(shape.rotation)) < 1e-6 && Math.cos(shape.rotation) > 0
    if (!upright || shape.type === 'note' || shape.type === 'group') {
      const middle = apply(space, { x: own.x + own.w / 2, y: own.y + own.h / 2 })
      const shift = sub(moved(middle), middle)
      const origin = apply(space, { x: 0, y: 0 })
      return [[shape.id, board.into(shape.parentId, { x: origin.x + shift.x, y: origin.y + shift.y })]]
    }
    const place = board.into(shape.parentId, moved(apply(space, { x: 0, y: 0 })))
    switch (shape.type) {
      case 'geo':
        return [[shape.id, { ...place, props: { w: Math.max(MIN_SIDE, own.w * f.x), h: Math.max(MIN_SIDE, own.h * f.y), growY: 0 } }]]
      case 'text':
        return [[shape.id, { ...place, props: { scale: shape.props.scale * Math.min(f.x, f.y) } }]]
      case 'draw':
      case 'highlight':
        return [[shape.id, { ...place, props: { scaleX: shape.props.scaleX * f.x, scaleY: shape.props.scaleY * f.y } }]]
    }
  })
}
