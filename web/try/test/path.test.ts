import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { decodePath, encodePath, fromHalf, toHalf } from '../src/board/path'

test('float16 there and back', () => {
  for (const value of [0, 1, -1, 0.5, 65504, -65504, 2 ** -24, 2 ** -14, 0.1, 1234.5]) {
    ok(Math.abs(fromHalf(toHalf(value)) - value) <= Math.abs(value) / 2048, String(value))
  }
  for (let half = 0; half < 0x7c00; half++) strictEqual(toHalf(fromHalf(half)), half)
  strictEqual(fromHalf(toHalf(1e9)), 65504)
})

test('a long stroke does not drift', () => {
  const points = Array.from({ length: 2000 }, (_, i) => ({ x: i * 1.37, y: Math.sin(i / 9) * 40, z: 0.5 }))
  const read = decodePath(encodePath(points))
  strictEqual(read.length, points.length)
  points.forEach(({ x, y }, i) => ok(Math.hypot(read[i]!.x - x, read[i]!.y - y) < 0.05, String(i)))
})

test('what tldraw wrote is read', () => {
  deepStrictEqual(decodePath('AAAAAAAAAAAAAAA/QFaATwAA'), [
    { x: 0, y: 0, z: 0.5 },
    { x: 100, y: 30, z: 0.5 },
  ])
})

test('what is no path is no stroke', () => {
  deepStrictEqual(decodePath(''), [])
  deepStrictEqual(decodePath('%%%'), [])
  deepStrictEqual(decodePath('AAAA'), [])
  strictEqual(encodePath([]), '')
  strictEqual(decodePath(encodePath([{ x: 1, y: 2, z: 1 }]).slice(0, -4)).length, 0)
})
