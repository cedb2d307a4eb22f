// Everything around the canvas: tools, styles, undo, zoom. Shows what the editor holds and calls its commands; decides nothing.

import { COLORS, DASHES, FILLS, FONTS, SIZES, type Styles } from '../board/records'
import type { Theme } from '../draw/theme'
import type { Editor, Tool } from '../edit/editor'
import { button, html, svg } from './dom'
import { ICONS } from './icons'

interface ToolButton {
  tool: Tool
  label: string
  key: string
  picture: string
}

export const TOOLS: readonly ToolButton[] = [
  { tool: 'select', label: 'Select', key: 'V', picture: ICONS.select },
  { tool: 'hand', label: 'Move the page', key: 'H', picture: ICONS.hand },
  { tool: 'pen', label: 'Pen', key: 'P', picture: ICONS.pen },
  { tool: 'eraser', label: 'Eraser', key: 'E', picture: ICONS.eraser },
  { tool: 'rectangle', label: 'Rectangle', key: 'R', picture: ICONS.rectangle },
  { tool: 'ellipse', label: 'Ellipse', key: 'O', picture: ICONS.ellipse },
  { tool: 'arrow', label: 'Arrow', key: 'A', picture: ICONS.arrow },
  { tool: 'text', label: 'Text', key: 'T', picture: ICONS.text },
  { tool: 'note', label: 'Sticky note', key: 'N', picture: ICONS.note },
]

export function toolbar(editor: Editor): { element: HTMLElement; swatch: HTMLElement } {
  const buttons = TOOLS.map(({ tool, label, key, picture }) => {
    const made = button(label, picture, () => editor.take(tool), key)
    made.dataset.tool = tool
    return { tool, made }
  })
  const swatch = html('span', { class: 'swatch' })
  const styles = html('button', { type: 'button', class: 'swatch-button', 'aria-label': 'Colour and line', 'aria-expanded': 'false', title: 'Colour and line' }, swatch)
  styles.addEventListener('click', () => {
    const open = document.body.classList.toggle('styles-open')
    styles.setAttribute('aria-expanded', String(open))
  })
  const bar = html('div', { class: 'bar tools', role: 'toolbar', 'aria-label': 'Tools' }, ...buttons.map(({ made }) => made), styles)
  roving(bar)
  let shown = ''
  const show = () => {
    const now = `${editor.tool} ${editor.readOnly}`
    if (now === shown) return
    shown = now
    for (const { tool, made } of buttons) {
      made.setAttribute('aria-pressed', String(tool === editor.tool))
      made.disabled = editor.readOnly && tool !== 'hand' && tool !== 'select'
    }
    styles.disabled = editor.readOnly
  }
  editor.watch(show)
  show()
  return { element: bar, swatch }
}

export function history(editor: Editor): HTMLElement {
  const undo = button('Undo', ICONS.undo, () => editor.undo(), 'Ctrl Z')
  const redo = button('Redo', ICONS.redo, () => editor.redo(), 'Ctrl Shift Z')
  const trash = button('Delete', ICONS.trash, () => editor.remove(), 'Del')
  const copy = button('Duplicate', ICONS.copy, () => editor.duplicate(), 'Ctrl D')
  const front = button('To the front', ICONS.front, () => editor.reorder('front'), ']')
  const show = () => {
    undo.disabled = editor.readOnly || !editor.board.canUndo
    redo.disabled = editor.readOnly || !editor.board.canRedo
    for (const made of [trash, copy, front]) made.disabled = editor.readOnly || editor.selection.size === 0
  }
  editor.watch(show)
  show()
  return html('div', { class: 'bar history', role: 'toolbar', 'aria-label': 'Edit' }, undo, redo, trash, copy, front)
}

export function zoomBar(editor: Editor): HTMLElement {
  const level = html('button', { type: 'button', class: 'level', title: 'To full size (Ctrl 0)', 'aria-label': 'Zoom to full size' })
  level.addEventListener('click', () => editor.zoomTo(1))
  const show = () => {
    const text = `${Math.round(editor.camera.z * 100)}%`
    if (level.textContent !== text) level.textContent = text
  }
  editor.watch(show)
  show()
  const less = button('Zoom out', ICONS.minus, () => editor.zoomStep(-1), 'Ctrl −')
  const more = button('Zoom in', ICONS.plus, () => editor.zoomStep(1), 'Ctrl +')
  const fit = button('Show everything', ICONS.fit, () => editor.fitAll(), 'Shift 1')
  return html('div', { class: 'bar zoom', role: 'toolbar', 'aria-label': 'Zoom' }, less, level, more, fit)
}

const DASH_ICONS = { draw: ICONS.dashDraw, solid: ICONS.dashSolid, dashed: ICONS.dashDashed, dotted: ICONS.dashDotted }
const FILL_NAMES = { none: 'No fill', semi: 'Paper', solid: 'Light', pattern: 'Hatched', fill: 'Full' }
const DASH_NAMES = { draw: 'Drawn', solid: 'Solid', dashed: 'Dashed', dotted: 'Dotted' }
const FONT_NAMES = { draw: 'Hand', sans: 'Sans', serif: 'Serif', mono: 'Mono' }
const SIZE_NAMES = { s: 'Small', m: 'Medium', l: 'Large', xl: 'Very large' }

/** Choices for what is selected, or for what is drawn next; `toolSwatch` shows the colour where the panel is closed. */
export function stylePanel(editor: Editor, theme: () => Theme, toolSwatch: HTMLElement): { element: HTMLElement; renew: () => void } {
  const shows: (() => void)[] = []
  const group = <K extends keyof Styles>(name: K, label: string, choices: readonly Styles[K][], fill: (choice: Styles[K]) => { name: string; inside: Node }) => {
    const buttons = choices.map((choice) => {
      const { name: title, inside } = fill(choice)
      const made = html('button', { type: 'button', role: 'radio', 'aria-label': title, title, [`data-${name}`]: choice }, inside)
      made.addEventListener('click', () => editor.style({ [name]: choice } as Partial<Styles>))
      return { choice, made }
    })
    shows.push(() => {
      const now = current(editor, name)
      for (const { choice, made } of buttons) made.setAttribute('aria-checked', String(choice === now))
    })
    const box = html('div', { class: `choices ${name}`, role: 'radiogroup', 'aria-label': label }, ...buttons.map(({ made }) => made))
    roving(box)
    return box
  }
  const swatches: { color: Styles['color']; element: HTMLElement }[] = []
  const colors = group('color', 'Colour', COLORS.filter((color) => color !== 'white'), (color) => {
    const element = html('span', { class: 'swatch' })
    swatches.push({ color, element })
    return { name: color.replace('-', ' '), inside: element }
  })
  const fills = group('fill', 'Fill', FILLS.filter((fill) => fill !== 'lined-fill'), (fill) => ({
    name: FILL_NAMES[fill as keyof typeof FILL_NAMES],
    inside: html('span', { class: `fill-${fill}` }),
  }))
  const dashes = group('dash', 'Line', DASHES.filter((dash) => dash !== 'none'), (dash) => ({
    name: DASH_NAMES[dash as keyof typeof DASH_NAMES],
    inside: svg('svg', { viewBox: '0 0 24 24', class: 'icon', 'aria-hidden': 'true' }, svg('path', { d: DASH_ICONS[dash as keyof typeof DASH_ICONS] })),
  }))
  const sizes = group('size', 'Size', SIZES, (size) => ({ name: SIZE_NAMES[size], inside: html('span', {}, size.toUpperCase()) }))
  const fonts = group('font', 'Letters', FONTS, (font) => ({ name: FONT_NAMES[font], inside: html('span', { class: `font-${font}` }, 'Aa') }))
  const element = html('div', { class: 'bar styles', 'aria-label': 'Styles' }, colors, fills, dashes, sizes, fonts)

  const renew = () => {
    for (const { color, element } of swatches) element.style.setProperty('--swatch', theme().colors[color].solid)
    show()
  }
  let shown = ''
  const show = () => {
    const names = ['color', 'size', 'dash', 'fill', 'font'] as const
    const now = [theme().name, editor.readOnly, ...names.map((name) => current(editor, name))].join()
    if (now === shown) return
    shown = now
    for (const each of shows) each()
    toolSwatch.style.setProperty('--swatch', theme().colors[current(editor, 'color') ?? editor.styles.color].solid)
    document.body.classList.toggle('read-only', editor.readOnly)
  }
  editor.watch(show)
  renew()
  return { element, renew }
}

/** The style that all chosen shapes share; with none chosen, that of the next one. */
function current<K extends keyof Styles>(editor: Editor, name: K): Styles[K] | null {
  const values = editor.selected.flatMap(({ props }) => (name in props ? [(props as unknown as Styles)[name]] : []))
  if (values.length === 0) return editor.styles[name]
  return values.every((value) => value === values[0]) ? values[0]! : null
}

/** Arrow keys move within a group of buttons; one of them is in the order of the tab key. */
function roving(group: HTMLElement) {
  const buttons = () => [...group.querySelectorAll('button')].filter((each) => !each.disabled)
  group.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
    const all = buttons()
    const at = all.indexOf(document.activeElement as HTMLButtonElement)
    if (!step || at < 0) return
    event.preventDefault()
    event.stopPropagation()
    all[(at + step + all.length) % all.length]!.focus()
  })
  group.addEventListener('focusin', (event) => {
    for (const each of group.querySelectorAll('button')) each.tabIndex = each === event.target ? 0 : -1
  })
  for (const [i, each] of [...group.querySelectorAll('button')].entries()) each.tabIndex = i ? -1 : 0
}
