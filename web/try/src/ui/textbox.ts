// Text is written where it stands: a text area lies over the shape, in its face, size and place, and every letter goes to the board
// at the board's own pace, so that others see it grow.

import { plainParagraphs, plainText } from '../board/rich-text'
import type { Shape } from '../board/records'
import { FAMILY } from '../draw/theme'
import type { Label } from '../draw/scene'
import type { Editor, Editing } from '../edit/editor'
import { compose } from '../geometry/vec'
import { html } from './dom'
import type { Stage } from './stage'

/** Longer text than this is cut when it is pasted in, characters. */
const MAX_TEXT = 20_000
const SPARE_PX = 2

export class Textbox {
  #editor: Editor
  #stage: Stage
  #area: HTMLTextAreaElement | null = null
  #open: Editing | null = null
  /** Nothing was written into a shape that did not exist before. */
  #blank = true

  constructor(stage: Stage, editor: Editor) {
    this.#stage = stage
    this.#editor = editor
    // At once, not with the next frame: the first letters may come before it.
    editor.watch(() => this.#follow())
  }

  /** Ends writing, if anybody was. */
  close(): void {
    const { board } = this.#editor
    if (!this.#open) return
    const { shape, fresh } = this.#open
    const area = this.#area
    this.#open = null
    this.#area = null
    this.#editor.editing = null
    const now = board.shape(shape.id)
    // An empty text is nothing that anybody could find again.
    if (now?.type === 'text' && !plainText(now.props.richText).trim()) board.remove(new Set([shape.id]))
    board.settle()
    area?.remove()
    if (!(fresh && this.#blank) && board.shape(shape.id)) this.#editor.select([this.#editor.owner(board.shape(shape.id)!)?.id ?? shape.id])
    this.#editor.changed()
    this.#stage.element.focus({ preventScroll: true })
  }

  #follow() {
    const { editing, board } = this.#editor
    if (editing !== this.#open) {
      if (this.#open && this.#open.shape.id !== editing?.shape.id) {
        const next = editing
        this.close()
        this.#editor.editing = next
      }
      if (editing) this.#begin(editing)
    }
    if (!this.#open) return
    const now = board.shape(this.#open.shape.id)
    if (now) this.#place(now as Editing['shape'])
    else if (this.#open.fresh && this.#blank) this.#place(this.#open.shape)
    // Somebody has removed it meanwhile.
    else this.close()
  }

  #begin(editing: Editing) {
    this.#open = editing
    this.#blank = true
    this.#editor.board.begin()
    const value = plainText(editing.shape.props.richText)
    const area = html('textarea', { class: 'textbox', rows: 1, maxlength: MAX_TEXT, 'aria-label': 'Text', autocapitalize: 'sentences', spellcheck: 'true' })
    area.value = value
    area.addEventListener('input', () => this.#write(area.value))
    area.addEventListener('blur', () => this.#area === area && this.close())
    area.addEventListener('pointerdown', (event) => event.stopPropagation())
    area.addEventListener('keydown', (event) => {
      event.stopPropagation()
      const done = event.key === 'Escape' || (event.key === 'Enter' && (event.ctrlKey || event.metaKey))
      if (!done || event.isComposing) return
      event.preventDefault()
      this.close()
    })
    this.#area = area
    this.#stage.element.append(area)
    this.#place(editing.shape)
    area.focus({ preventScroll: true })
    area.select()
  }

  #write(value: string) {
    const { board } = this.#editor
    const open = this.#open
    if (!open) return
    const richText = plainParagraphs(value)
    if (open.fresh && this.#blank) {
      this.#blank = false
      const shape = { ...open.shape, props: { ...open.shape.props, richText } } as Shape
      board.put([shape])
    } else {
      board.patch([[open.shape.id, { props: { richText } }]])
    }
    this.#editor.fit([open.shape.id])
    this.#stage.draw()
  }

  #place(shape: Editing['shape']) {
    const area = this.#area
    const { scene, board, camera } = this.#editor
    const label = scene.label(shape) ?? scene.label({ ...shape, props: { ...shape.props, richText: plainParagraphs(' ') } } as Shape)
    if (!area || !label) return
    const { font, px, scale, align, laid } = label
    const box = this.#roomOf(shape, label)
    const space = compose({ a: camera.z, b: 0, c: 0, d: camera.z, e: camera.x * camera.z, f: camera.y * camera.z }, board.transform(shape))
    const { a, b, c, d, e, f } = space
    const { style } = area
    // A little wider than the lines, or the last letter of one might not fit as it does in the picture.
    const spare = { start: 0, middle: SPARE_PX / 2, end: SPARE_PX }[align]
    style.transform = `matrix(${a}, ${b}, ${c}, ${d}, ${e}, ${f}) translate(${box.x}px, ${box.y}px) scale(${scale}) translate(${-spare}px, 0px)`
    style.width = `${box.w / scale + SPARE_PX}px`
    style.height = `${Math.max(laid.lineHeight, laid.h) + SPARE_PX}px`
    style.fontFamily = FAMILY[font]
    style.fontSize = `${px}px`
    style.lineHeight = `${laid.lineHeight}px`
    style.textAlign = align === 'middle' ? 'center' : align
    style.whiteSpace = shape.type === 'text' && shape.props.autoSize ? 'pre' : 'pre-wrap'
    style.color = this.#stage.painter.textColor(shape)
  }

  /** A line that has no words yet still needs room to begin in. */
  #roomOf(shape: Editing['shape'], { box, px, scale, align }: Label) {
    const least = shape.type === 'arrow' || (shape.type === 'text' && shape.props.autoSize) ? px * scale : 0
    const w = Math.max(box.w, least)
    return { ...box, x: align === 'middle' ? box.x - (w - box.w) / 2 : box.x, w }
  }
}
