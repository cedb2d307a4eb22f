// Which part of the page is on the screen. A point of the page is at (point + camera) * zoom on the screen, as in tldraw.

import type { Box, Point } from '../geometry/vec'

export interface Camera extends Point {
  z: number
}

export const MIN_ZOOM = 0.05
export const MAX_ZOOM = 8

export const toScreen = ({ x, y, z }: Camera, p: Point): Point => ({ x: (p.x + x) * z, y: (p.y + y) * z })
export const toPage = ({ x, y, z }: Camera, p: Point): Point => ({ x: p.x / z - x, y: p.y / z - y })

/** By px of the screen. */
export const panned = ({ x, y, z }: Camera, by: Point): Camera => ({ x: x + by.x / z, y: y + by.y / z, z })

/** To the zoom `z`, so that what is at `fixed` on the screen stays there. */
export function zoomed(camera: Camera, z: number, fixed: Point): Camera {
  const zoom = Math.max(MIN_ZOOM, Math.min(MAX_ZOOM, z))
  const { x, y } = toPage(camera, fixed)
  return { x: fixed.x / zoom - x, y: fixed.y / zoom - y, z: zoom }
}

/** Room that is left around what is shown, px of the screen. */
const MARGIN = 32

/** Shows all of `box`, at most at its own size, where the screen is not covered. */
export function fitting(box: Box, screen: { w: number; h: number }, covered: { left: number; right: number; top: number; bottom: number }): Camera {
  const room = (side: number, length: number) => Math.max(1, side - 2 * MARGIN) / Math.max(1, length)
  const [w, h] = [screen.w - covered.left - covered.right, screen.h - covered.top - covered.bottom]
  const z = Math.max(MIN_ZOOM, Math.min(1, room(w, box.w), room(h, box.h)))
  return { x: (covered.left + w / 2) / z - box.x - box.w / 2, y: (covered.top + h / 2) / z - box.y - box.h / 2, z }
}
