// From a record that anybody may have written to a shape that can be drawn without further doubt. What does not hold is foreign:
// shown as an outline, and left alone.

import type { Box, Point } from '../geometry/vec'
import { boxAround } from '../geometry/vec'
import {
  COLORS,
  DASHES,
  FILLS,
  FONTS,
  HEADS,
  SIZES,
  type ArrowBinding,
  type Drawable,
  type Foreign,
  type Json,
  type Page,
  type Shape,
  type Stored,
} from './records'

type Fields = { [key: string]: Json }
type Check = (value: Json | undefined) => boolean

const number: Check = (value) => typeof value === 'number' && Number.isFinite(value)
const positive: Check = (value) => number(value) && (value as number) > 0
const text: Check = (value) => typeof value === 'string'
const flag: Check = (value) => typeof value === 'boolean'
const point: Check = (value) => fields(value) !== null && number(fields(value)!.x) && number(fields(value)!.y)
const richText: Check = (value) => Array.isArray(fields(value)?.content)
const among =
  (choices: readonly string[]): Check =>
  (value) =>
    choices.includes(value as string)
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value)
const segments: Check = (value) =>
  Array.isArray(value) &&
  value.every((segment) => {
    const { type, path, dim } = fields(segment) ?? {}
    return (type === 'free' || type === 'straight') && text(path) && (dim === undefined || dim === 2 || dim === 3)
  })

const color = among(COLORS)
const size = among(SIZES)
const dash = among(DASHES)
const fill = among(FILLS)
const font = among(FONTS)
const stroke = { segments, isComplete: flag, isPen: flag, scale: positive, scaleX: number, scaleY: number }

/** Outlines of geo shapes that we know how to draw. */
export const OUTLINES = [
  'rectangle',
  'ellipse',
  'triangle',
  'diamond',
  'oval',
  'pentagon',
  'hexagon',
  'octagon',
  'star',
  'rhombus',
  'rhombus-2',
  'trapezoid',
  'arrow-left',
  'arrow-right',
  'arrow-up',
  'arrow-down',
  'check-box',
  'x-box',
  'heart',
] as const
export type Outline = (typeof OUTLINES)[number]

const PROPS: { [kind in Shape['type']]: { [prop: string]: Check } } = {
  geo: {
    geo: among(OUTLINES),
    w: positive,
    h: positive,
    growY: number,
    scale: positive,
    flipX: flag,
    flipY: flag,
    color,
    labelColor: color,
    size,
    dash,
    fill,
    font,
    align: text,
    verticalAlign: text,
    richText,
  },
  draw: { ...stroke, color, size, dash, fill, isClosed: flag },
  highlight: { ...stroke, color, size },
  arrow: {
    kind: among(['arc', 'elbow']),
    start: point,
    end: point,
    bend: number,
    arrowheadStart: among(HEADS),
    arrowheadEnd: among(HEADS),
    labelPosition: number,
    elbowMidPoint: number,
    scale: positive,
    color,
    labelColor: color,
    size,
    dash,
    fill,
    font,
    richText,
  },
  text: { color, size, font, textAlign: text, w: positive, autoSize: flag, scale: positive, richText },
  note: {
    color,
    labelColor: color,
    size,
    font,
    align: text,
    verticalAlign: text,
    growY: number,
    fontSizeAdjustment: orNull(number),
    scale: positive,
    richText,
  },
  group: {},
}

/** null: not a shape, or one that nobody could place. */
export function readShape(record: Stored): Drawable | null {
  if (record.typeName !== 'shape' || !text(record.index) || !text(record.parentId) || !text(record.type)) return null
  if (![record.x, record.y, record.rotation, record.opacity].every(number)) return null
  const known = Object.hasOwn(PROPS, record.type as string) ? PROPS[record.type as Shape['type']] : undefined
  const props = fields(record.props)
  if (known && props && Object.entries(known).every(([name, check]) => check(props[name]))) return record as unknown as Shape
  return foreign(record)
}

export function readPage(record: Stored): Page | null {
  return record.typeName === 'page' && text(record.index) && text(record.name) ? (record as unknown as Page) : null
}

export function readBinding(record: Stored): ArrowBinding | null {
  if (record.typeName !== 'binding' || record.type !== 'arrow' || !text(record.fromId) || !text(record.toId)) return null
  const props = fields(record.props)
  const whole = props && (props.terminal === 'start' || props.terminal === 'end') && point(props.normalizedAnchor)
  return whole ? (record as unknown as ArrowBinding) : null
}

const fields = (value: Json | undefined): Fields | null =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null

/** The size of what is not known, where nothing tells. */
const SOME_SIDE = 100

function foreign(record: Stored): Foreign {
  const { id, x, y, rotation, index, parentId, isLocked, opacity } = record as unknown as Foreign
  const props = fields(record.props) ?? {}
  const kind = record.type === 'geo' && text(props.geo) ? String(props.geo) : String(record.type)
  const name = [props.name, props.altText, props.url].find((word) => typeof word === 'string' && word !== '') ?? ''
  const place = { id, typeName: 'shape' as const, x, y, rotation, index, parentId, isLocked: isLocked === true, opacity, meta: {} }
  return { ...place, type: 'foreign', kind, name: String(name), box: boxOf(props) }
}

function boxOf(props: Fields): Box {
  const points = fields(props.points)
  if (points) {
    const places = Object.values(points).filter(point) as unknown as Point[]
    const around = boxAround(places)
    if (around) return around
  }
  const side = (value: Json | undefined) => (positive(value) ? (value as number) : SOME_SIDE)
  return { x: 0, y: 0, w: side(props.w), h: side(props.h) }
}
