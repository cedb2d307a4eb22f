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

/** Shows all of `box`, at most at its own size, with `margin` px of the screen around it. */
export function fitting(box: Box, screen: { w: number; h: number }, margin: number): Camera {
  const room = (side: number, length: number) => Math.max(1, side - 2 * margin) / Math.max(1, length)
  const z = Math.max(MIN_ZOOM, Math.min(1, room(screen.w, box.w), room(screen.h, box.h)))
  return { x: screen.w / 2 / z - box.x - box.w / 2, y: screen.h / 2 / z - box.y - box.h / 2, z }
}
