// Outlines of the geo shapes as lines and curves, before anything is done to make them look drawn. Units are the shape's own px.

import type { Outline } from '../board/read'
import type { Point } from './vec'
import { boxAround, mix } from './vec'

export type Command =
  | { kind: 'move'; to: Point; limit?: number }
  | { kind: 'line'; to: Point; closing?: boolean; limit?: number }
  | { kind: 'curve'; c1: Point; c2: Point; to: Point; closing?: boolean; limit?: number }

export interface SubPath {
  commands: Command[]
  /** Whether a fill is given to it. */
  filled: boolean
}

const at = (x: number, y: number): Point => ({ x, y })

/** The cubic that comes nearest to a quarter of a circle. */
const QUARTER = (4 / 3) * Math.tan(Math.PI / 8)

/** `inset` px keep the cross of an x-box off its corners; a drawn line needs that. */
export function outline(geo: Outline, w: number, h: number, inset = 0): SubPath[] {
  switch (geo) {
    case 'ellipse':
      return [ellipse(w, h)]
    case 'oval':
      return [oval(w, h)]
    case 'heart':
      return [heart(w, h)]
    case 'check-box':
      return [polygon(rectangle(w, h)), check(w, h)]
    case 'x-box':
      return [polygon(rectangle(w, h)), ...cross(w, h, inset)]
    default:
      return [polygon(vertices(geo, w, h))]
  }
}

export function polygon(points: readonly Point[]): SubPath {
  const lines = points.slice(1).map((to): Command => ({ kind: 'line', to }))
  const close: Command = { kind: 'line', to: points[0]!, closing: true }
  return { commands: [{ kind: 'move', to: points[0]! }, ...lines, close], filled: true }
}

export function open(points: readonly Point[]): SubPath {
  const last = points.length - 1
  const commands = points.map((to, i): Command => ({
    kind: i ? 'line' : 'move',
    to,
    ...(i === 0 || i === last ? { limit: 0 } : {}),
  }))
  return { commands, filled: false }
}

/** The points of a line along `path`, curves cut into pieces. */
export function flattened({ commands }: SubPath): Point[] {
  const points: Point[] = []
  let from = at(0, 0)
  for (const command of commands) {
    if (command.kind === 'curve') {
      const { c1, c2, to } = command
      for (let i = 1; i <= 12; i++) {
        const t = i / 12
        const [a, b, c] = [mix(from, c1, t), mix(c1, c2, t), mix(c2, to, t)]
        points.push(mix(mix(a, b, t), mix(b, c, t), t))
      }
    } else {
      points.push(command.to)
    }
    from = command.to
  }
  return points
}

const rectangle = (w: number, h: number) => [at(0, 0), at(w, 0), at(w, h), at(0, h)]

function vertices(geo: Outline, w: number, h: number): Point[] {
  const lean = Math.min(0.38 * w, 0.38 * h)
  const [b, c] = [0.16 * h, 0.16 * w]
  switch (geo) {
    case 'triangle':
      return [at(w / 2, 0), at(w, h), at(0, h)]
    case 'diamond':
      return [at(w / 2, 0), at(w, h / 2), at(w / 2, h), at(0, h / 2)]
    case 'pentagon':
      return regular(5, w, h)
    case 'hexagon':
      return regular(6, w, h)
    case 'octagon':
      return regular(8, w, h)
    case 'star':
      return star(w, h)
    case 'rhombus':
      return [at(lean, 0), at(w, 0), at(w - lean, h), at(0, h)]
    case 'rhombus-2':
      return [at(0, 0), at(w - lean, 0), at(w, h), at(lean, h)]
    case 'trapezoid':
      return [at(lean, 0), at(w - lean, 0), at(w, h), at(0, h)]
    case 'arrow-left':
      return [at(lean, 0), at(lean, b), at(w, b), at(w, h - b), at(lean, h - b), at(lean, h), at(0, h / 2)]
    case 'arrow-right':
      return [at(0, b), at(w - lean, b), at(w - lean, 0), at(w, h / 2), at(w - lean, h), at(w - lean, h - b), at(0, h - b)]
    case 'arrow-up':
      return [at(w / 2, 0), at(w, lean), at(w - c, lean), at(w - c, h), at(c, h), at(c, lean), at(0, lean)]
    case 'arrow-down':
      return [at(c, 0), at(w - c, 0), at(w - c, h - lean), at(w, h - lean), at(w / 2, h), at(0, h - lean), at(c, h - lean)]
    default:
      return rectangle(w, h)
  }
}

const spoke = (i: number, of: number, length: number): Point => {
  const angle = -Math.PI / 2 + (i * 2 * Math.PI) / of
  return at(Math.cos(angle) * length, Math.sin(angle) * length)
}

/** Five points that fill the box; its middle is not the box's, because no point lies opposite of another. */
function star(w: number, h: number): Point[] {
  const tips = [0, 2, 4, 6, 8].map((i) => spoke(i, 10, 1))
  const [right, left] = [(tips[1]!.x * w) / 2, (tips[4]!.x * w) / 2]
  const [top, bottom] = [(tips[0]!.y * h) / 2, (tips[2]!.y * h) / 2]
  const wider = w - Math.abs(right - left)
  const higher = h - Math.abs(bottom - top)
  const middle = at((w - (w / 2 + left - (w / 2 - right))) / 2, (h - (h / 2 + top - (h / 2 - bottom))) / 2)
  return Array.from({ length: 10 }, (_, i) => {
    const { x, y } = spoke(i, 10, i % 2 ? 0.5 : 1)
    return at(middle.x + (x * (w + wider)) / 2, middle.y + (y * (h + higher)) / 2)
  })
}

const regular = (n: number, w: number, h: number) => stretched(Array.from({ length: n }, (_, i) => spoke(i, n, 1)), w, h)

function stretched(points: Point[], w: number, h: number): Point[] {
  const box = boxAround(points)!
  return points.map(({ x, y }) => at(((x - box.x) / box.w) * w, ((y - box.y) / box.h) * h))
}

/** A curve from `from` to `to` by the corner in which their tangents meet. */
function quarter(from: Point, corner: Point, to: Point): Command {
  return { kind: 'curve', c1: mix(from, corner, QUARTER), c2: mix(to, corner, QUARTER), to }
}

/** Closes with its last curve, which ends where it began. */
function closed(start: Point, commands: Command[]): SubPath {
  const last = commands.at(-1)!
  if (last.kind !== 'move') last.closing = true
  return { commands: [{ kind: 'move', to: start }, ...commands], filled: true }
}

function ellipse(w: number, h: number): SubPath {
  const [left, top, right, bottom] = [at(0, h / 2), at(w / 2, 0), at(w, h / 2), at(w / 2, h)]
  return closed(left, [
    quarter(left, at(0, 0), top),
    quarter(top, at(w, 0), right),
    quarter(right, at(w, h), bottom),
    quarter(bottom, at(0, h), left),
  ])
}

function oval(w: number, h: number): SubPath {
  const r = Math.min(w, h) / 2
  const line = (to: Point): Command => ({ kind: 'line', to })
  if (h > w) {
    const start = at(0, r)
    return closed(start, [
      quarter(start, at(0, 0), at(r, 0)),
      quarter(at(r, 0), at(w, 0), at(w, r)),
      line(at(w, h - r)),
      quarter(at(w, h - r), at(w, h), at(r, h)),
      quarter(at(r, h), at(0, h), at(0, h - r)),
      line(start),
    ])
  }
  const start = at(r, h)
  return closed(start, [
    quarter(start, at(0, h), at(0, r)),
    quarter(at(0, r), at(0, 0), at(r, 0)),
    line(at(w - r, 0)),
    quarter(at(w - r, 0), at(w, 0), at(w, r)),
    quarter(at(w, r), at(w, h), at(w - r, h)),
    line(start),
  ])
}

function heart(w: number, h: number): SubPath {
  const [k, o] = [h / 4, w / 4]
  const start = at(w / 2, h)
  const curve = (c1: Point, c2: Point, to: Point): Command => ({ kind: 'curve', c1, c2, to })
  return closed(start, [
    curve(at(o * 1.5, 3 * k), at(0, 2.5 * k), at(0, 1.2 * k)),
    curve(at(0, -0.32 * k), at(o * 1.85, -0.32 * k), at(w / 2, 0.9 * k)),
    curve(at(o * 2.15, -0.32 * k), at(w, -0.32 * k), at(w, 1.2 * k)),
    curve(at(w, 2.5 * k), at(o * 2.5, 3 * k), start),
  ])
}

/** Its ends move as its corners do, unlike those of the tick. */
function cross(w: number, h: number, e: number): SubPath[] {
  const line = (from: Point, to: Point): SubPath => ({ commands: [{ kind: 'move', to: from }, { kind: 'line', to }], filled: false })
  return [line(at(e, e), at(w - e, h - e)), line(at(w - e, e), at(e, h - e))]
}

function check(w: number, h: number): SubPath {
  const size = 0.82 * Math.min(w, h)
  const [x, y] = [(w - size) / 2, (h - size) / 2]
  return open([at(x + 0.25 * size, y + 0.52 * size), at(x + 0.45 * size, y + 0.82 * size), at(x + 0.82 * size, y + 0.22 * size)])
}
