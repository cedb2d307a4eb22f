// The records of a board, in tldraw's shape: what we write, and a reading of what others wrote that believes nothing. The rule
// not to break: a record that is not understood is foreign, and whoever writes keeps every field that it did not mean to change.

import type { Box, Point } from '../geometry/vec'
import { plainParagraphs, type RichText } from './rich-text'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** Any record as it stands in the document. */
export type Stored = { [key: string]: Json } & { id: string; typeName: string }

export const COLORS = [
  'black',
  'grey',
  'light-violet',
  'violet',
  'blue',
  'light-blue',
  'yellow',
  'orange',
  'green',
  'light-green',
  'light-red',
  'red',
  'white',
] as const
export const SIZES = ['s', 'm', 'l', 'xl'] as const
export const DASHES = ['draw', 'solid', 'dashed', 'dotted', 'none'] as const
export const FILLS = ['none', 'semi', 'solid', 'pattern', 'fill', 'lined-fill'] as const
export const FONTS = ['draw', 'sans', 'serif', 'mono'] as const
export const HEADS = ['none', 'arrow', 'triangle', 'square', 'dot', 'pipe', 'diamond', 'inverted', 'bar'] as const

export type Color = (typeof COLORS)[number]
export type Size = (typeof SIZES)[number]
export type Dash = (typeof DASHES)[number]
export type Fill = (typeof FILLS)[number]
export type Font = (typeof FONTS)[number]
export type Head = (typeof HEADS)[number]

/** What a person chooses for what they draw next. */
export interface Styles {
  color: Color
  size: Size
  dash: Dash
  fill: Fill
  font: Font
}

interface Base {
  id: string
  typeName: 'shape'
  x: number
  y: number
  rotation: number
  index: string
  parentId: string
  isLocked: boolean
  opacity: number
  meta: { [key: string]: Json }
}

export interface Segment {
  type: 'free' | 'straight'
  path: string
  dim?: 2 | 3
}

export interface GeoProps extends Styles {
  geo: string
  w: number
  h: number
  growY: number
  scale: number
  flipX: boolean
  flipY: boolean
  labelColor: Color
  align: string
  verticalAlign: string
  url: string
  richText: RichText
}
export interface DrawProps {
  color: Color
  fill: Fill
  dash: Dash
  size: Size
  segments: Segment[]
  isComplete: boolean
  isClosed: boolean
  isPen: boolean
  scale: number
  scaleX: number
  scaleY: number
}
export type HighlightProps = Omit<DrawProps, 'fill' | 'dash' | 'isClosed'>
export interface ArrowProps extends Styles {
  kind: string
  labelColor: Color
  start: Point
  end: Point
  bend: number
  arrowheadStart: Head
  arrowheadEnd: Head
  labelPosition: number
  elbowMidPoint: number
  scale: number
  richText: RichText
}
export interface TextProps {
  color: Color
  size: Size
  font: Font
  textAlign: string
  w: number
  autoSize: boolean
  scale: number
  richText: RichText
}
export interface NoteProps {
  color: Color
  labelColor: Color
  size: Size
  font: Font
  align: string
  verticalAlign: string
  growY: number
  fontSizeAdjustment: number | null
  scale: number
  url: string
  textLastEditedBy: string | null
  richText: RichText
}

export type Geo = Base & { type: 'geo'; props: GeoProps }
export type Draw = Base & { type: 'draw'; props: DrawProps }
export type Highlight = Base & { type: 'highlight'; props: HighlightProps }
export type Arrow = Base & { type: 'arrow'; props: ArrowProps }
export type Text = Base & { type: 'text'; props: TextProps }
export type Note = Base & { type: 'note'; props: NoteProps }
export type Group = Base & { type: 'group'; props: Record<string, never> }
/** Shapes that we can draw and change. */
export type Shape = Geo | Draw | Highlight | Arrow | Text | Note | Group
/** A shape of somebody else's, of which we know where it is and little more. */
export interface Foreign extends Base {
  type: 'foreign'
  /** What its writer calls it. */
  kind: string
  name: string
  box: Box
}
export type Drawable = Shape | Foreign

export interface ArrowBinding {
  id: string
  typeName: 'binding'
  type: 'arrow'
  fromId: string
  toId: string
  meta: { [key: string]: Json }
  props: {
    terminal: 'start' | 'end'
    normalizedAnchor: Point
    isExact: boolean
    isPrecise: boolean
    snap: 'none'
  }
}

export interface Page {
  id: string
  typeName: 'page'
  name: string
  index: string
  meta: { [key: string]: Json }
}

export const NOTE_SIDE = 200
export const FIRST_PAGE: Page = { id: 'page:page', typeName: 'page', name: 'Page 1', index: 'a1', meta: {} }
export const DOCUMENT: Stored = { id: 'document:document', typeName: 'document', gridSize: 10, name: '', meta: {} }

/** A new id: 126 random bits behind `kind`. */
export function newId(kind: 'shape' | 'binding'): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const random = crypto.getRandomValues(new Uint8Array(21))
  return `${kind}:${Array.from(random, (byte) => alphabet[byte & 63]).join('')}`
}

/** Where a new shape goes. */
export interface Place extends Point {
  parentId: string
  index: string
}

const base = ({ x, y, parentId, index }: Place) => ({
  id: newId('shape'),
  typeName: 'shape' as const,
  x,
  y,
  rotation: 0,
  index,
  parentId,
  isLocked: false,
  opacity: 1,
  meta: {},
})

export function newGeo(place: Place, geo: 'rectangle' | 'ellipse', { color, size, dash, fill, font }: Styles): Geo {
  const box = { w: 1, h: 1, growY: 0, scale: 1, flipX: false, flipY: false }
  const label = { labelColor: 'black' as const, align: 'middle', verticalAlign: 'middle', url: '', richText: plainParagraphs('') }
  return { ...base(place), type: 'geo', props: { geo, color, size, dash, fill, font, ...box, ...label } }
}

export function newDraw(place: Place, { color, size, dash, fill }: Styles, isPen: boolean): Draw {
  const ink = { segments: [], isComplete: false, isClosed: false, isPen, scale: 1, scaleX: 1, scaleY: 1 }
  return { ...base(place), type: 'draw', props: { color, size, dash, fill, ...ink } }
}

export function newArrow(place: Place, { color, size, dash, fill, font }: Styles): Arrow {
  const body = { kind: 'arc', start: { x: 0, y: 0 }, end: { x: 2, y: 0 }, bend: 0, elbowMidPoint: 0.5 }
  const heads = { arrowheadStart: 'none' as const, arrowheadEnd: 'arrow' as const }
  const label = { labelColor: 'black' as const, labelPosition: 0.5, richText: plainParagraphs('') }
  return { ...base(place), type: 'arrow', props: { color, size, dash, fill, font, ...body, ...heads, ...label, scale: 1 } }
}

export function newText(place: Place, { color, size, font }: Styles): Text {
  const box = { textAlign: 'start', w: 8, autoSize: true, scale: 1 }
  return { ...base(place), type: 'text', props: { color, size, font, ...box, richText: plainParagraphs('') } }
}

export function newNote(place: Place, { color, size, font }: Styles): Note {
  const box = { align: 'middle', verticalAlign: 'middle', growY: 0, fontSizeAdjustment: 1, scale: 1, url: '' }
  const words = { labelColor: 'black' as const, richText: plainParagraphs(''), textLastEditedBy: null }
  return { ...base(place), type: 'note', props: { color, size, font, ...box, ...words } }
}

export function newBinding(arrow: string, terminal: 'start' | 'end', target: string, anchor: Point | null): ArrowBinding {
  const props = {
    terminal,
    normalizedAnchor: anchor ?? { x: 0.5, y: 0.5 },
    isExact: false,
    isPrecise: anchor !== null,
    snap: 'none' as const,
  }
  return { id: newId('binding'), typeName: 'binding', type: 'arrow', fromId: arrow, toId: target, props, meta: {} }
}
