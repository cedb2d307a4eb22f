import { strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { chance, drawn, rounded } from '../src/draw/wobble'
import { outline } from '../src/geometry/outline'

test('chance is the same everywhere', () => {
  const random = chance('a')
  strictEqual(random(), 0.6590047418139875)
  strictEqual(random(), 0.12629845412448049)
  strictEqual(chance('')(), 0)
})

test('a rectangle is drawn with the same strokes as in tldraw', () => {
  const rectangle = outline('rectangle', 100, 100)
  strictEqual(
    rounded(rectangle, 3.5),
    'M 7 0 L 93 0 Q 100 0 100 7 L 100 93 Q 100 100 93 100 L 7 100 Q 0 100 0 93 L 0 7 Q 0 0 7 0'
  )
  const stroke = drawn(rectangle, 'shape:v-rectangle-draw', 3.5)
  strictEqual(stroke.slice(0, 70), 'M 6.9491 -0.7837 L 92.1498 0.5642 Q 99.1498 0.5642 99.1498 7.5642 L 99')
})
