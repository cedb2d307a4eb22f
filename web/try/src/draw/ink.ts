// Strokes of pen and marker: from stored points to the outline of the ink, or to the line through its middle.

import { getStroke, getStrokePoints } from 'perfect-freehand'
import { decodePath, type InkPoint } from '../board/path'
import type { Draw, Highlight, Segment } from '../board/records'
import type { Point } from '../geometry/vec'
import { mix } from '../geometry/vec'
import { pair } from './wobble'

/** Decoding costs more than drawing; segments are immutable, so what was decoded once stays right. */
const decoded = new WeakMap<readonly Segment[], InkPoint[]>()

/** All points of a stroke in its own space. */
export function inkPoints({ props }: Draw | Highlight): InkPoint[] {
  const { segments, scaleX, scaleY } = props
  let points = decoded.get(segments)
  if (!points) {
    points = segments.flatMap(({ type, path, dim }) => {
      const read = decodePath(path, dim ?? 3)
      const [from, to] = [read[0], read[1]]
      if (type !== 'straight' || !from || !to) return read
      return Array.from({ length: 5 }, (_, i) => ({ ...mix(from, to, i / 4), z: 0.5 }))
    })
    decoded.set(segments, points)
  }
  if (scaleX === 1 && scaleY === 1) return points
  return points.map(({ x, y, z }) => ({ x: x * scaleX, y: y * scaleY, z }))
}

const easeOut = (t: number) => Math.sin((t * Math.PI) / 2)
const streamline = (width: number) => 0.64 + 0.1 * Math.max(0, Math.min(1, (width - 9) / 7))

/** The outline of ink that gets thinner and thicker. `width` px as chosen. */
export function inkOutline(points: readonly InkPoint[], width: number, pen: boolean, complete: boolean): string {
  const size = pen ? 1 + width * 1.2 : width + 1
  const outline = getStroke([...points].map(({ x, y, z }) => [x, y, z]), {
    size,
    thinning: pen ? 0.62 : 0.5,
    streamline: pen ? 0.62 : streamline(width + 1),
    smoothing: 0.62,
    simulatePressure: !pen,
    easing: pen ? (t) => t * 0.65 + easeOut(t) * 0.35 : easeOut,
    last: complete,
  })
  return outline.length < 3 ? '' : smooth(outline.map(([x, y]) => ({ x: x!, y: y! })), 'closed')
}

/** The line through the middle of the ink, for strokes of one width. */
export function centreLine(points: readonly InkPoint[], width: number, shape: 'open' | 'closed'): string {
  const line = getStrokePoints([...points].map(({ x, y, z }) => [x, y, z]), { size: width + 1, streamline: 0.62, last: true })
  return smooth(line.map(({ point: [x, y] }) => ({ x: x!, y: y! })), shape)
}

/** Curves through the middles between the points. */
function smooth(points: readonly Point[], shape: 'open' | 'closed'): string {
  const [first, second] = points
  if (!first) return ''
  if (!second) return `M ${pair(first)} l 0.01 0`
  if (shape === 'open') {
    if (points.length === 2) return `M ${pair(first)} L ${pair(second)}`
    const middles = points.slice(1, -1).map((p, i) => `Q ${pair(p)} ${pair(mix(p, points[i + 2]!, i === points.length - 3 ? 1 : 0.5))}`)
    return `M ${pair(first)} ${middles.join(' ')}`
  }
  const start = mix(points.at(-1)!, first, 0.5)
  return `M ${pair(start)} ${points.map((p, i) => `Q ${pair(p)} ${pair(mix(p, points[(i + 1) % points.length]!, 0.5))}`).join(' ')} Z`
}
