// What every gesture is: what a pointer does between going down and coming up. It is one step to undo; one that is cancelled
// leaves nothing behind.

import type { Point } from '../geometry/vec'
import type { Editor } from './editor'

/** One place of the pointer. */
export interface Touch {
  screen: Point
  page: Point
  /** 0 to 1; null where the device does not say. */
  pressure: number | null
  shift: boolean
  alt: boolean
  ctrl: boolean
}

export interface Gesture {
  move(touch: Touch): void
  end(): void
  cancel(): void
}

/** Less than this is a click, px of the screen. */
export const DRAG_FROM = 4
/** How far beside a line a pointer still touches it, px of the screen. */
const REACH = 8

export const reach = (editor: Editor): number => REACH / editor.camera.z

/** Coordinates that people make are kept to hundredths of a px. */
export const round = (value: number): number => Math.round(value * 100) / 100

export abstract class Step implements Gesture {
  constructor(protected readonly editor: Editor) {
    editor.board.begin()
  }
  abstract move(touch: Touch): void
  end() {
    this.editor.board.settle()
    this.editor.changed()
  }
  cancel() {
    this.editor.board.abandon()
    this.editor.hint = null
    this.editor.changed()
  }
}
