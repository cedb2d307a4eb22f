// Points, boxes and transforms of the plane. y points down, angles are radians, clockwise on the screen.

export interface Point {
  x: number
  y: number
}

export interface Box {
  x: number
  y: number
  w: number
  h: number
}

/** (x, y) -> (a x + c y + e, b x + d y + f), as in SVG. */
export interface Matrix {
  a: number
  b: number
  c: number
  d: number
  e: number
  f: number
}

export const identity: Matrix = { a: 1, b: 0, c: 0, d: 1, e: 0, f: 0 }

export const add = (p: Point, q: Point): Point => ({ x: p.x + q.x, y: p.y + q.y })
export const sub = (p: Point, q: Point): Point => ({ x: p.x - q.x, y: p.y - q.y })
export const times = (p: Point, k: number): Point => ({ x: p.x * k, y: p.y * k })
export const mix = (p: Point, q: Point, t: number): Point => ({ x: p.x + (q.x - p.x) * t, y: p.y + (q.y - p.y) * t })
export const dot = (p: Point, q: Point): number => p.x * q.x + p.y * q.y
export const distance = (p: Point, q: Point): number => Math.hypot(p.x - q.x, p.y - q.y)

/** Of length 1; the zero vector stays as it is. */
export function unit(p: Point): Point {
  const length = Math.hypot(p.x, p.y)
  return length === 0 ? p : { x: p.x / length, y: p.y / length }
}

export function rotate(p: Point, angle: number, about: Point = { x: 0, y: 0 }): Point {
  const cos = Math.cos(angle)
  const sin = Math.sin(angle)
  const { x, y } = sub(p, about)
  return { x: about.x + x * cos - y * sin, y: about.y + x * sin + y * cos }
}

/** First `inner`, then `outer`. */
export function compose(outer: Matrix, inner: Matrix): Matrix {
  return {
    a: outer.a * inner.a + outer.c * inner.b,
    b: outer.b * inner.a + outer.d * inner.b,
    c: outer.a * inner.c + outer.c * inner.d,
    d: outer.b * inner.c + outer.d * inner.d,
    e: outer.a * inner.e + outer.c * inner.f + outer.e,
    f: outer.b * inner.e + outer.d * inner.f + outer.f,
  }
}

/** Rotates about the origin, then moves it to `at`. */
export function placed(at: Point, angle: number): Matrix {
  const cos = Math.cos(angle)
  const sin = Math.sin(angle)
  return { a: cos, b: sin, c: -sin, d: cos, e: at.x, f: at.y }
}

export const apply = (m: Matrix, p: Point): Point => ({ x: m.a * p.x + m.c * p.y + m.e, y: m.b * p.x + m.d * p.y + m.f })

/** The way back. Only placements are ever inverted here, and those always can be. */
export function invert(m: Matrix): Matrix {
  const det = m.a * m.d - m.b * m.c
  return {
    a: m.d / det,
    b: -m.b / det,
    c: -m.c / det,
    d: m.a / det,
    e: (m.c * m.f - m.d * m.e) / det,
    f: (m.b * m.e - m.a * m.f) / det,
  }
}

export const angleOf = (m: Matrix): number => Math.atan2(m.b, m.a)

/** The smallest upright box around `points`; null around none. */
export function boxAround(points: Iterable<Point>): Box | null {
  let [x, y, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity]
  for (const point of points) {
    x = Math.min(x, point.x)
    y = Math.min(y, point.y)
    right = Math.max(right, point.x)
    bottom = Math.max(bottom, point.y)
  }
  return x === Infinity ? null : { x, y, w: right - x, h: bottom - y }
}

export const boxOf = (p: Point, q: Point): Box => ({
  x: Math.min(p.x, q.x),
  y: Math.min(p.y, q.y),
  w: Math.abs(p.x - q.x),
  h: Math.abs(p.y - q.y),
})

export const corners = ({ x, y, w, h }: Box): [Point, Point, Point, Point] => [
  { x, y },
  { x: x + w, y },
  { x: x + w, y: y + h },
  { x, y: y + h },
]

export const centre = ({ x, y, w, h }: Box): Point => ({ x: x + w / 2, y: y + h / 2 })

export const grown = ({ x, y, w, h }: Box, by: number): Box => ({ x: x - by, y: y - by, w: w + 2 * by, h: h + 2 * by })

export const holds = (box: Box, p: Point): boolean => p.x >= box.x && p.y >= box.y && p.x <= box.x + box.w && p.y <= box.y + box.h

export const holdsBox = (outer: Box, inner: Box): boolean =>
  inner.x >= outer.x && inner.y >= outer.y && inner.x + inner.w <= outer.x + outer.w && inner.y + inner.h <= outer.y + outer.h

export const meet = (one: Box, other: Box): boolean =>
  one.x <= other.x + other.w && other.x <= one.x + one.w && one.y <= other.y + other.h && other.y <= one.y + one.h

/** The point of the segment `from`-`to` that is nearest to `p`. */
export function nearestOnSegment(p: Point, from: Point, to: Point): Point {
  const along = sub(to, from)
  const squared = dot(along, along)
  if (squared === 0) return from
  const t = Math.max(0, Math.min(1, dot(sub(p, from), along) / squared))
  return mix(from, to, t)
}

/** Where two segments cross; null when they do not. */
export function crossing(a: Point, b: Point, c: Point, d: Point): Point | null {
  const r = sub(b, a)
  const s = sub(d, c)
  const det = r.x * s.y - r.y * s.x
  if (det === 0) return null
  const between = sub(c, a)
  const t = (between.x * s.y - between.y * s.x) / det
  const u = (between.x * r.y - between.y * r.x) / det
  return t >= 0 && t <= 1 && u >= 0 && u <= 1 ? mix(a, b, t) : null
}

/** Whether the closed polygon surrounds `p` (even-odd). */
export function inside(p: Point, polygon: readonly Point[]): boolean {
  let within = false
  polygon.forEach((a, i) => {
    const b = polygon[(i + 1) % polygon.length]!
    if (a.y > p.y !== b.y > p.y && p.x < ((b.x - a.x) * (p.y - a.y)) / (b.y - a.y) + a.x) within = !within
  })
  return within
}
