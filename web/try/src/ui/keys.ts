// Keys and the clipboard. Letters take tools, everything else is as in other drawing programs.

import { plainText } from '../board/rich-text'
import type { Shape } from '../board/records'
import { editable } from '../draw/scene'
import { Resize } from '../edit/arranging'
import { panned } from '../edit/camera'
import type { Editor } from '../edit/editor'
import { TOOLS } from './bars'
import type { Pointer } from './pointer'

const STEPS: { [key: string]: { x: number; y: number } } = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
}
const FAR = 10
/** By how much an arrow key moves the page, and pulls at what is chosen, px. */
const PAN_PX = 60
const PULL_PX = 10
/** tldraw's key for the pen, for those who know it. */
const ALSO: { [key: string]: 'pen' } = { D: 'pen' }

/** Says something to those who cannot see it. */
type Say = (words: string) => void

export function keys(editor: Editor, pointer: Pointer, help: () => void, say: Say): void {
  window.addEventListener('keydown', (event) => {
    // A dialog has an Escape of its own, and nothing beneath it is there for keys.
    if (event.defaultPrevented || inField(event.target) || document.querySelector('dialog[open]')) return
    if (event.key === ' ' && !onButton(event.target)) {
      event.preventDefault()
      pointer.space(true)
      return
    }
    const command = event.ctrlKey || event.metaKey ? withControl(editor, event) : plain(editor, pointer, event, help, say)
    if (!command) return
    event.preventDefault()
    command()
  })
  window.addEventListener('keyup', (event) => event.key === ' ' && pointer.space(false))
  window.addEventListener('blur', () => pointer.space(false))

  document.addEventListener('copy', (event) => copy(editor, event))
  document.addEventListener('cut', (event) => copy(editor, event) && editor.remove())
  document.addEventListener('paste', (event) => {
    const text = event.clipboardData?.getData('text/plain')
    if (inField(event.target) || !text) return
    event.preventDefault()
    editor.paste(text)
  })
}

function withControl(editor: Editor, event: KeyboardEvent): (() => void) | null {
  const step = STEPS[event.key]
  if (step) return editor.selection.size ? () => pull(editor, step) : null
  switch (event.key.toLowerCase()) {
    case 'z':
      return event.shiftKey ? () => editor.redo() : () => editor.undo()
    case 'y':
      return () => editor.redo()
    case 'a':
      return () => editor.selectAll()
    case 'd':
      return () => editor.duplicate()
    case '+':
    case '=':
      return () => editor.zoomStep(1)
    case '-':
      return () => editor.zoomStep(-1)
    case '0':
      return () => editor.zoomTo(1)
    default:
      return null
  }
}

function plain(editor: Editor, pointer: Pointer, event: KeyboardEvent, help: () => void, say: Say): (() => void) | null {
  const step = STEPS[event.key]
  if (step) {
    const far = event.shiftKey ? FAR : 1
    if (editor.selection.size) return () => editor.nudge({ x: step.x * far, y: step.y * far })
    return () => editor.look(panned(editor.camera, { x: -step.x * PAN_PX, y: -step.y * PAN_PX }))
  }
  switch (event.key) {
    case 'Escape':
      return () => {
        if (pointer.cancel()) return
        if (editor.tool === 'select') editor.select([])
        else editor.take('select')
      }
    case 'Delete':
    case 'Backspace':
      return () => editor.remove()
    case 'Enter': {
      if (onButton(event.target)) return null
      if (editor.tool !== 'select') return () => pointer.press() && say(told(editor))
      const [shape] = editor.selected
      if (!shape) return () => choose(editor, 1, say)
      if (editor.selection.size > 1 || !editable(shape) || editor.readOnly) return null
      return () => editor.write({ shape, fresh: false })
    }
    case 'Tab':
      // Only where something is chosen, and not past the last: the tab key must lead away from the board as well.
      return editor.selection.size && !onButton(event.target) && choose(editor, event.shiftKey ? -1 : 1, say) ? () => {} : null
    case ']':
      return () => editor.reorder('front')
    case '[':
      return () => editor.reorder('back')
    case '!':
      return () => editor.fitAll()
    case '?':
      return help
  }
  const letter = event.key.toUpperCase()
  const tool = ALSO[letter] ?? TOOLS.find(({ key }) => key === letter)?.tool
  return tool && !event.altKey ? () => editor.take(tool) : null
}

function choose(editor: Editor, by: 1 | -1, say: Say): boolean {
  const found = editor.chooseNext(by)
  say(found ? told(editor) : '')
  return found
}

/** Makes what is chosen larger or smaller, to the right and downwards. */
function pull(editor: Editor, step: { x: number; y: number }) {
  if (editor.readOnly) return
  const gesture = new Resize(editor, step.x ? { x: 1, y: 0 } : { x: 0, y: 1 })
  gesture.by({ x: step.x * PULL_PX, y: step.y * PULL_PX })
  gesture.end()
}

const KINDS: { [type in Shape['type']]?: string } = { draw: 'Stroke', arrow: 'Arrow', text: 'Text', note: 'Sticky note', group: 'Group' }

/** What is chosen, in words. */
function told(editor: Editor): string {
  const [shape] = editor.selected
  if (!shape) return ''
  const kind = shape.type === 'geo' ? capital(shape.props.geo.replaceAll('-', ' ')) : (KINDS[shape.type] ?? capital(shape.type))
  const words = 'richText' in shape.props ? plainText(shape.props.richText).trim() : ''
  const all = editor.board.children(editor.page)
  return `${kind}${words ? `: ${words}` : ''}, ${all.findIndex(({ id }) => id === shape.id) + 1} of ${all.length}`
}

function copy(editor: Editor, event: ClipboardEvent): boolean {
  const text = inField(event.target) ? null : editor.copied()
  if (!text || !event.clipboardData) return false
  event.preventDefault()
  event.clipboardData.setData('text/plain', text)
  return true
}

const inField = (target: EventTarget | null) => target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement
const onButton = (target: EventTarget | null) => target instanceof HTMLButtonElement || target instanceof HTMLAnchorElement
const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1)
