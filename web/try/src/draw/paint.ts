// Shapes as SVG: one `g` for each, in its own space, placed by its transform. The rule not to break: the picture is a function of
// the record, the scene and the theme, so it can be thrown away and made again at any time.

import type { Outline } from '../board/read'
import { plainText } from '../board/rich-text'
import type { Arrow, Color, Dash, Draw, Drawable, Fill, Font, Foreign, Geo, Highlight, Note } from '../board/records'
import { headAt, lengthOf } from '../geometry/arrow'
import { outline, type SubPath } from '../geometry/outline'
import { apply, invert, type Matrix, type Point } from '../geometry/vec'
import { svg } from '../ui/dom'
import { centreLine, inkOutline, inkPoints } from './ink'
import { hasText, type Label, type Scene } from './scene'
import { FAMILY, STROKE, TEXT_PX, type Theme } from './theme'
import { drawn, exact, pair, rounded } from './wobble'

/** Rise above and fall below the baseline, em. */
const METRICS: { [font in Font]: [rise: number, fall: number] } = {
  draw: [1.02, 0.32],
  sans: [1.025, 0.275],
  serif: [1.025, 0.275],
  mono: [1.025, 0.275],
}

export class Painter {
  theme: Theme
  #scene: Scene
  #defs: SVGDefsElement
  #hatches = new Set<string>()

  constructor(scene: Scene, theme: Theme, defs: SVGDefsElement) {
    this.#scene = scene
    this.theme = theme
    this.#defs = defs
  }

  /** `text` is hidden while somebody edits it in a box above. */
  paint(shape: Drawable, text: 'shown' | 'hidden'): SVGGElement {
    const group = svg('g', { 'data-shape': shape.type, transform: matrix(this.#scene.board.transform(shape)) })
    const opacity = this.#scene.board.opacity(shape)
    if (opacity !== 1) group.setAttribute('opacity', String(opacity))
    group.append(...this.#body(shape))
    const label = text === 'shown' ? this.#scene.label(shape) : null
    if (label && hasText(shape) && plainText(shape.props.richText)) group.append(...this.#words(shape, label))
    return group
  }

  #body(shape: Drawable): SVGElement[] {
    switch (shape.type) {
      case 'geo':
        return this.#geo(shape)
      case 'draw':
        return this.#draw(shape)
      case 'highlight':
        return this.#highlight(shape)
      case 'arrow':
        return this.#arrow(shape)
      case 'note':
        return this.#note(shape)
      case 'foreign':
        return this.#foreign(shape)
      case 'text':
      case 'group':
        return []
    }
  }

  #geo({ id, props }: Geo): SVGElement[] {
    const { geo, w, h, growY, flipX, flipY, color, fill, dash, size, scale } = props
    const height = Math.max(1, h + growY)
    const width = STROKE[size] * scale
    const paths = outline(geo as Outline, Math.max(1, w), height, dash === 'draw' ? 0.62 * width : 0).map((path) => mirrored(path, flipX, flipY, w, height))
    const stroke = dash === 'draw' ? drawn(paths, id, width) : exact(paths)
    return [
      ...this.#filled(dash === 'draw' ? rounded(paths, width) : exact(paths.filter((path) => path.filled)), color, fill),
      ...this.#stroked(stroke, color, dash, width),
    ]
  }

  #draw(shape: Draw): SVGElement[] {
    const { color, fill, dash, size, isPen, isComplete, isClosed, scale } = shape.props
    const width = STROKE[size] * scale
    const points = inkPoints(shape)
    if (points.length === 0) return []
    const inner = isClosed && fill !== 'none' ? this.#filled(centreLine(points, width, 'closed'), color, fill) : []
    if (dash !== 'draw') return [...inner, ...this.#stroked(centreLine(points, width, isClosed ? 'closed' : 'open'), color, dash, width)]
    return [...inner, svg('path', { d: inkOutline(points, width, isPen, isComplete), fill: this.theme.colors[color].solid })]
  }

  #highlight(shape: Highlight): SVGElement[] {
    const { color, size, scale } = shape.props
    const width = 1.12 * TEXT_PX[size] * scale
    const d = centreLine(inkPoints(shape), width, 'open')
    return [svg('path', { d, fill: 'none', stroke: this.theme.colors[color].marker, 'stroke-width': width, opacity: 0.6, class: 'round' })]
  }

  #arrow(arrow: Arrow): SVGElement[] {
    const { color, dash, size, fill, scale, arrowheadStart, arrowheadEnd } = arrow.props
    const width = STROKE[size] * scale
    const back = invert(this.#scene.board.transform(arrow))
    const points = this.#scene.arrow(arrow).points.map((p) => apply(back, p))
    const length = lengthOf(points)
    if (length < 0.5) return []
    const body = this.#stroked(polyline(points, 'open'), color, dash === 'draw' ? 'solid' : dash, width)
    const heads = [
      headAt(arrowheadEnd, points.at(-1)!, behind([...points].reverse(), width * 3), width, length),
      headAt(arrowheadStart, points[0]!, behind(points, width * 3), width, length),
    ]
    return [
      ...body,
      ...heads.flatMap(({ points, closed }) => {
        if (points.length === 0) return []
        const d = polyline(points, closed ? 'closed' : 'open')
        const inner = closed ? [svg('path', { d, fill: fill === 'none' ? this.theme.background : this.theme.colors[color].solid })] : []
        return [...inner, ...this.#stroked(d, color, 'solid', width)]
      }),
    ]
  }

  #note({ props }: Note): SVGElement[] {
    const [w, h] = [200 * props.scale, (200 + props.growY) * props.scale]
    const shade = (inset: number, down: number, opacity: number) =>
      svg('rect', { x: inset, y: h - 24, width: w - 2 * inset, height: 24 + down, rx: 4, fill: '#000', opacity })
    const shades = this.theme.name === 'light' ? [shade(6, 6, 0.05), shade(3, 4, 0.08), shade(1, 2, 0.08)] : []
    return [...shades, svg('rect', { width: w, height: h, rx: 2, fill: this.theme.colors[props.color].note })]
  }

  #foreign({ kind, name, box }: Foreign): SVGElement[] {
    const title = name ? `${kind}: ${name}` : kind
    const room = Math.max(1, Math.floor(box.w / 7.5))
    const short = title.length > room ? `${title.slice(0, Math.max(1, room - 1))}…` : title
    const frame = kind === 'frame'
    return [
      svg('rect', { x: box.x, y: box.y, width: box.w, height: box.h, rx: 4, class: frame ? 'frame' : 'unknown' }),
      svg('text', { x: box.x + (frame ? 0 : 8), y: box.y + (frame ? -8 : 20), class: 'kind' }, short),
      svg('title', {}, frame ? title : `${title} (shown as an outline here)`),
    ]
  }

  #filled(d: string, color: Color, fill: Fill): SVGElement[] {
    const { solid, semi, pattern } = this.theme.colors[color]
    switch (fill) {
      case 'none':
        return []
      case 'semi':
        return [svg('path', { d, fill: this.theme.paper })]
      case 'solid':
        return [svg('path', { d, fill: semi })]
      case 'fill':
        return [svg('path', { d, fill: solid })]
      case 'pattern':
      case 'lined-fill':
        return [svg('path', { d, fill: this.theme.paper }), svg('path', { d, fill: `url(#${this.#hatch(pattern)})` })]
    }
  }

  #stroked(d: string, color: Color, dash: Dash, width: number): SVGElement[] {
    if (dash === 'none') return []
    const gaps = { dashed: `${width * 2} ${width * 2}`, dotted: `0.1 ${width * 2}` }
    const path = svg('path', { d, fill: 'none', stroke: this.theme.colors[color].solid, 'stroke-width': width, class: 'round' })
    if (dash === 'dashed' || dash === 'dotted') path.setAttribute('stroke-dasharray', gaps[dash])
    return [path]
  }

  #hatch(color: string): string {
    const id = `hatch-${color.slice(1)}`
    if (!this.#hatches.has(id)) {
      this.#hatches.add(id)
      const third = 2 / 3
      const lines = [1, 5, 9].map((n) => `M ${n * third} ${(n + 2) * third} L ${(n + 2) * third} ${n * third}`).join(' ')
      const stroke = svg('path', { d: lines, stroke: color, 'stroke-width': 1.25, class: 'round' })
      this.#defs.append(svg('pattern', { id, width: 8, height: 8, patternUnits: 'userSpaceOnUse' }, stroke))
    }
    return id
  }

  #words(shape: Extract<Drawable, { props: { richText: unknown } }>, { laid, font, px, scale, align, box }: Label): SVGElement[] {
    const [rise, fall] = METRICS[font]
    const baseline = (laid.lineHeight - (rise + fall) * px) / 2 + rise * px
    const width = box.w / scale
    const lines = laid.lines.map((line, i) => {
      const hanging = align === 'start' ? 0 : align === 'middle' ? (width - line.width) / 2 : width - line.width
      const runs = line.runs.map(({ text, bold, italic }) =>
        svg('tspan', { 'font-weight': bold ? 700 : undefined, 'font-style': italic ? 'italic' : undefined }, text)
      )
      return svg('tspan', { x: hanging, y: i * laid.lineHeight + baseline }, ...runs)
    })
    const place = `translate(${box.x} ${box.y}) scale(${scale})`
    const face = { 'font-family': FAMILY[font], 'font-size': px, fill: this.textColor(shape) }
    const onNote = shape.type === 'note'
    const words = svg('text', { ...face, transform: place, class: onNote ? 'words' : 'words lifted', stroke: onNote ? 'none' : this.theme.background }, ...lines)
    if (shape.type !== 'arrow') return [words]
    const behind = svg('rect', { x: box.x - 4, y: box.y - 2, width: box.w + 8, height: box.h + 4, rx: 4, fill: this.theme.background })
    return [behind, words]
  }

  /** What its text is written in. */
  textColor(shape: Drawable): string {
    if (shape.type === 'text') return this.theme.colors[shape.props.color].solid
    if (shape.type === 'note') {
      const { color, labelColor } = shape.props
      return labelColor === 'black' ? this.theme.colors[color].noteText : this.theme.colors[labelColor].solid
    }
    return hasText(shape) ? this.theme.colors[shape.props.labelColor].solid : this.theme.text
  }
}

export const matrix = ({ a, b, c, d, e, f }: Matrix): string => `matrix(${a} ${b} ${c} ${d} ${e} ${f})`

export const polyline = (points: readonly Point[], shape: 'open' | 'closed'): string =>
  `M ${points.map(pair).join(' L ')}${shape === 'closed' ? ' Z' : ''}`

/** The point of a line some way behind its first: heads of curved arrows look along it. */
function behind(points: readonly Point[], by: number): Point {
  let length = 0
  for (let i = 1; i < points.length; i++) {
    length += Math.hypot(points[i]!.x - points[i - 1]!.x, points[i]!.y - points[i - 1]!.y)
    if (length >= by) return points[i]!
  }
  return points.at(-1)!
}

function mirrored({ commands, filled }: SubPath, flipX: boolean, flipY: boolean, w: number, h: number): SubPath {
  if (!flipX && !flipY) return { commands, filled }
  const turn = ({ x, y }: Point): Point => ({ x: flipX ? w - x : x, y: flipY ? h - y : y })
  return {
    filled,
    commands: commands.map((command) =>
      command.kind === 'curve'
        ? { ...command, c1: turn(command.c1), c2: turn(command.c2), to: turn(command.to) }
        : { ...command, to: turn(command.to) }
    ),
  }
}
