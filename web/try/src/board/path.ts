// The points of a pen's stroke as tldraw keeps them: base64 of little-endian numbers, the first point as three float32 (x, y,
// pressure), each further one as three float16 differences to the point before *as it will be read*. So rounding never adds up.

import type { Point } from '../geometry/vec'

/** A place and how hard the pen pressed, 0 to 1. */
export interface InkPoint extends Point {
  z: number
}

const FIRST_BYTES = 12
const NEXT_BYTES = 6

export function encodePath(points: readonly InkPoint[]): string {
  const first = points[0]
  if (!first) return ''
  const view = new DataView(new ArrayBuffer(FIRST_BYTES + (points.length - 1) * NEXT_BYTES))
  const last = [first.x, first.y, first.z].map((value, i) => {
    view.setFloat32(i * 4, value, true)
    return view.getFloat32(i * 4, true)
  })
  points.slice(1).forEach(({ x, y, z }, n) => {
    ;[x, y, z].forEach((value, i) => {
      const half = toHalf(value - last[i]!)
      view.setUint16(FIRST_BYTES + n * NEXT_BYTES + i * 2, half, true)
      last[i] = last[i]! + fromHalf(half)
    })
  })
  return toBase64(new Uint8Array(view.buffer))
}

/** `dim` 2 has no pressure. What is cut off or no base64 gives the points before it, or none. */
export function decodePath(path: string, dim: 2 | 3 = 3): InkPoint[] {
  const bytes = fromBase64(path)
  const firstBytes = dim * 4
  const nextBytes = dim * 2
  if (bytes.length < firstBytes) return []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const last = Array.from({ length: dim }, (_, i) => view.getFloat32(i * 4, true))
  const point = (): InkPoint => ({ x: last[0]!, y: last[1]!, z: dim === 3 ? last[2]! : 0.5 })
  const points = [point()]
  for (let at = firstBytes; at + nextBytes <= bytes.length; at += nextBytes) {
    for (let i = 0; i < dim; i++) last[i] = last[i]! + fromHalf(view.getUint16(at + i * 2, true))
    points.push(point())
  }
  return points.every(({ x, y, z }) => Number.isFinite(x + y + z)) ? points : []
}

const scratch = new DataView(new ArrayBuffer(4))

/** The nearest float16; what is too large becomes the largest one. */
export function toHalf(value: number): number {
  scratch.setFloat32(0, Math.max(-65504, Math.min(65504, value)))
  const bits = scratch.getUint32(0)
  const sign = (bits >>> 16) & 0x8000
  const exponent = ((bits >>> 23) & 0xff) - 127 + 15
  const fraction = bits & 0x7fffff
  if (exponent >= 1) {
    // A carry out of the fraction raises the exponent, which is what rounding up there means.
    return sign | Math.min(0x7bff, ((exponent << 10) | (fraction >>> 13)) + ((fraction >>> 12) & 1))
  }
  if (exponent < -10) return sign
  const subnormal = (fraction | 0x800000) >>> (14 - exponent)
  return sign | (subnormal + (((fraction | 0x800000) >>> (13 - exponent)) & 1))
}

export function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >>> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

function toBase64(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text)
}

function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
  } catch {
    return new Uint8Array()
  }
}
