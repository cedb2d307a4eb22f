// Keys and the clipboard. Letters take tools, everything else is as in other drawing programs.

import type { Editor } from '../edit/editor'
import { editable } from '../draw/scene'
import { TOOLS } from './bars'
import type { Pointer } from './pointer'

const STEPS: { [key: string]: { x: number; y: number } } = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
}
const FAR = 10
/** tldraw's key for the pen, for those who know it. */
const ALSO: { [key: string]: 'pen' } = { D: 'pen' }

export function keys(editor: Editor, pointer: Pointer, help: () => void): void {
  window.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || inField(event.target)) return
    if (event.key === ' ' && !onButton(event.target)) {
      event.preventDefault()
      pointer.space(true)
      return
    }
    const command = event.ctrlKey || event.metaKey ? withControl(editor, event) : plain(editor, pointer, event, help)
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

function plain(editor: Editor, pointer: Pointer, event: KeyboardEvent, help: () => void): (() => void) | null {
  const step = STEPS[event.key]
  if (step) {
    const far = event.shiftKey ? FAR : 1
    return editor.selection.size ? () => editor.nudge({ x: step.x * far, y: step.y * far }) : null
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
      const [shape] = editor.selected
      if (!shape || editor.selection.size > 1 || !editable(shape) || editor.readOnly || onButton(event.target)) return null
      return () => editor.write({ shape, fresh: false })
    }
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

function copy(editor: Editor, event: ClipboardEvent): boolean {
  const text = inField(event.target) ? null : editor.copied()
  if (!text || !event.clipboardData) return false
  event.preventDefault()
  event.clipboardData.setData('text/plain', text)
  return true
}

const inField = (target: EventTarget | null) => target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement
const onButton = (target: EventTarget | null) => target instanceof HTMLButtonElement || target instanceof HTMLAnchorElement
