// How like two pictures of a board are. Both measures hardly move when a browser and our exporter round the edge of a stroke
// differently, and fall as soon as something is missing, elsewhere or of another color.

import { PNG } from 'pngjs'

/** How far a channel must be from the background to be ink. */
const INK = 24
/** How far ink may lie from where it should, px. */
const NEAR = 1
/** Colors are compared as means of squares of so many px. */
const SQUARE = 8

/**
 * Of two PNG files: their `sizes`; `ink`, the F1 score of the pixels that hold any; and `color`, 1 less the mean difference of
 * their blurred colors where either has ink. 1 is alike. Without `ink` and `color` where the sizes differ.
 */
export function likeness(truthPng, oursPng) {
  const [truth, ours] = [truthPng, oursPng].map((file) => PNG.sync.read(file))
  const sizes = [truth, ours].map(({ width, height }) => [width, height])
  if (String(sizes[0]) !== String(sizes[1])) return { sizes }
  const background = truth.data.subarray(0, 4)
  const inks = [truth, ours].map((picture) => inkOf(picture, background))
  const [recall, precision] = [
    shareIn(inks[0], spread(inks[1], truth)),
    shareIn(inks[1], spread(inks[0], truth)),
  ]
  const ink = recall + precision > 0 ? (2 * recall * precision) / (recall + precision) : 0
  return { sizes, ink, color: 1 - difference(truth, ours, inks) }
}

const inkOf = ({ data, width, height }, background) =>
  Uint8Array.from({ length: width * height }, (_, at) => {
    const far = (channel) => Math.abs(data[4 * at + channel] - background[channel]) >= INK
    return Number(far(0) || far(1) || far(2) || far(3))
  })

/** Ink, and what is near it. */
function spread(ink, { width, height }) {
  const wide = new Uint8Array(ink.length)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!ink[y * width + x]) continue
      for (let v = Math.max(0, y - NEAR); v <= Math.min(height - 1, y + NEAR); v++) {
        wide.fill(1, v * width + Math.max(0, x - NEAR), v * width + Math.min(width, x + NEAR + 1))
      }
    }
  }
  return wide
}

/** How much of some ink lies in other. */
function shareIn(ink, other) {
  let [all, shared] = [0, 0]
  ink.forEach((is, at) => {
    all += is
    shared += is & other[at]
  })
  return all ? shared / all : 1
}

/** Of the means of squares in which either has ink; from 0 to 1. */
function difference(truth, ours, inks) {
  const { width, height } = truth
  let [sum, squares] = [0, 0]
  for (let top = 0; top < height; top += SQUARE) {
    for (let left = 0; left < width; left += SQUARE) {
      const off = [0, 0, 0, 0]
      let [inked, pixels] = [0, 0]
      for (let y = top; y < Math.min(height, top + SQUARE); y++) {
        for (let x = left; x < Math.min(width, left + SQUARE); x++) {
          const at = y * width + x
          inked |= inks[0][at] | inks[1][at]
          pixels++
          for (const channel of off.keys()) off[channel] += truth.data[4 * at + channel] - ours.data[4 * at + channel]
        }
      }
      if (!inked) continue
      squares++
      sum += Math.max(...off.map(Math.abs)) / pixels / 255
    }
  }
  return squares ? sum / squares : 0
}
