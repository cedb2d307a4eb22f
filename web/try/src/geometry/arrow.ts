// Where an arrow runs: from its own points, or, where an end is bound to a shape, to the outline of that shape. Works in page
// coordinates throughout and knows nothing of records' storage.

import type { Head } from '../board/records'
import { add, crossing, distance, mix, nearestOnSegment, rotate, sub, times, unit, type Point } from './vec'

export interface Terminal {
  /** Where it points at. */
  at: Point
  /** The outline that it stops at; null: it goes to the very point. */
  outline: readonly Point[] | null
}

export interface ArrowForm {
  kind: 'arc' | 'elbow'
  /** Sagitta, px; 0 for a straight one. */
  bend: number
  /** Where between two boxes an elbow turns, 0 to 1. */
  turn: number
  /** Width of the line. */
  width: number
  heads: { start: Head; end: Head }
}

export interface ArrowBody {
  start: Point
  end: Point
  /** The line from start to end; curves as many short pieces. */
  points: Point[]
  /** Half way along it. */
  middle: Point
}

/** Between a head and the shape that it points to, px. */
const GAP = 10
/** Pieces that an arc is drawn in; as many as make no corner visible at the largest zoom. */
const PIECES = 48

export function arrowBody(from: Terminal, to: Terminal, form: ArrowForm): ArrowBody {
  const whole = form.kind === 'elbow' ? elbow(from.at, to.at, form.turn) : arc(from.at, to.at, form.bend)
  const gap = (head: Head) => (head === 'none' ? 0 : GAP + form.width / 2)
  // From its far end a line first meets the outline that it is to stop at.
  const end = stop(whole, to.outline, gap(form.heads.end))
  const cut = stop([...end].reverse(), from.outline, gap(form.heads.start)).reverse()
  const points = cut.length >= 2 ? cut : whole
  return { start: points[0]!, end: points.at(-1)!, points, middle: halfWay(points) }
}

/** The points of a head at `tip`, and whether it is a closed one. Empty for none. */
export function headAt(head: Head, tip: Point, from: Point, width: number, length: number): { points: Point[]; closed: boolean } {
  const reach = Math.max(width, Math.min(length / 5, width * 3))
  const inner = add(tip, times(unit(sub(from, tip)), reach))
  const side = (p: Point, by: number) => add(p, rotate(times(sub(inner, tip), by), Math.PI / 2))
  const turned = (angle: number) => rotate(inner, angle, tip)
  switch (head) {
    case 'none':
      return { points: [], closed: false }
    case 'arrow':
      return { points: [turned(Math.PI / 6), tip, turned(-Math.PI / 6)], closed: false }
    case 'triangle':
      return { points: [turned(Math.PI / 6), tip, turned(-Math.PI / 6)], closed: true }
    case 'inverted':
      return { points: [side(tip, 0.5), inner, side(tip, -0.5)], closed: true }
    case 'bar':
    case 'pipe':
      return { points: [side(tip, 0.5), side(tip, -0.5)], closed: false }
    case 'diamond':
      return { points: [tip, side(mix(tip, inner, 0.5), 0.4), inner, side(mix(tip, inner, 0.5), -0.4)], closed: true }
    case 'square': {
      const back = mix(tip, inner, 0.85)
      return { points: [side(tip, 0.425), side(back, 0.425), side(back, -0.425), side(tip, -0.425)], closed: true }
    }
    case 'dot': {
      const middle = mix(tip, inner, 0.45)
      const points = Array.from({ length: 16 }, (_, i) => rotate(tip, (i * Math.PI) / 8, middle))
      return { points, closed: true }
    }
  }
}

function arc(from: Point, to: Point, bend: number): Point[] {
  const chord = distance(from, to)
  if (Math.abs(bend) < 1 || chord < 1) return [from, to]
  const across = unit({ x: to.y - from.y, y: from.x - to.x })
  const top = add(mix(from, to, 0.5), times(across, -bend))
  // The circle by both ends and the top.
  const radius = (chord * chord) / (8 * Math.abs(bend)) + Math.abs(bend) / 2
  const middle = add(top, times(across, Math.sign(bend) * radius))
  const sweep = 4 * Math.atan2(2 * Math.abs(bend), chord) * (bend > 0 ? -1 : 1)
  return Array.from({ length: PIECES + 1 }, (_, i) => rotate(from, (sweep * i) / PIECES, middle))
}

/** A line of right angles; tldraw's own way around boxes is longer than this. */
function elbow(from: Point, to: Point, turn: number): Point[] {
  if (Math.abs(to.x - from.x) >= Math.abs(to.y - from.y)) {
    const x = from.x + (to.x - from.x) * turn
    return [from, { x, y: from.y }, { x, y: to.y }, to]
  }
  const y = from.y + (to.y - from.y) * turn
  return [from, { x: from.x, y }, { x: to.x, y }, to]
}

/** The line up to the first crossing with `outline`, `gap` px before it. */
function stop(points: readonly Point[], outline: readonly Point[] | null, gap: number): Point[] {
  if (!outline) return [...points]
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1]!, points[i]!]
    const hits = outline.flatMap((from, j) => crossing(a, b, from, outline[(j + 1) % outline.length]!) ?? [])
    if (hits.length === 0) continue
    const hit = hits.reduce((best, next) => (distance(a, next) < distance(a, best) ? next : best))
    return shortened([...points.slice(0, i), hit], gap)
  }
  return [...points]
}

function shortened(points: Point[], by: number): Point[] {
  let left = by
  while (points.length > 1) {
    const [a, b] = [points.at(-2)!, points.at(-1)!]
    const length = distance(a, b)
    if (length > left) return [...points.slice(0, -1), mix(b, a, left / length)]
    left -= length
    points.pop()
  }
  return points
}

function halfWay(points: readonly Point[]): Point {
  const total = lengthOf(points)
  let left = total / 2
  for (let i = 1; i < points.length; i++) {
    const length = distance(points[i - 1]!, points[i]!)
    if (length >= left && length > 0) return mix(points[i - 1]!, points[i]!, left / length)
    left -= length
  }
  return points[0]!
}

export const lengthOf = (points: readonly Point[]): number =>
  points.reduce((sum, p, i) => (i ? sum + distance(points[i - 1]!, p) : 0), 0)

/** How far `p` is from the line by `points`. */
export function distanceTo(p: Point, points: readonly Point[], shape: 'open' | 'closed'): number {
  const first = points[0]
  if (!first) return Infinity
  let best = distance(p, first)
  for (let i = 1; i < points.length; i++) best = Math.min(best, distance(p, nearestOnSegment(p, points[i - 1]!, points[i]!)))
  return shape === 'closed' ? Math.min(best, distance(p, nearestOnSegment(p, points.at(-1)!, first))) : best
}
