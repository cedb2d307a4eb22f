// Pieces that several parts of the page are made of.

import { html, icon, svg } from '../../try/src/ui/dom'
import { sentence } from './api'
import { SECONDS, spark } from './rooms'

export const ICONS = {
  search: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM15.5 15.5 20 20',
  plus: 'M12 5v14M5 12h14',
  close: 'M6 6l12 12M18 6 6 18',
  copy: 'M9 9V5h10v10h-4M5 9h10v10H5Z',
  lock: 'M7 11V8a5 5 0 0 1 10 0v3M5 11h14v9H5Z',
  open: 'M13 5h6v6M19 5l-9 9M17 14v5H5V7h5',
  down: 'M7 10l5 5 5-5',
  picture: 'M4 5h16v14H4ZM4 16l4.5-4.5 4 4 3-3L20 17M15.5 9.5h.01',
}

/** How long it is said that something was copied. */
const COPIED_FOR_MS = 1600

export const brand = (): SVGSVGElement =>
  svg('svg', { viewBox: '0 0 48 32', class: 'brand-mark', 'aria-hidden': 'true' }, svg('path', { d: 'M3 24c6-15 13-21 15-17s-9 17-4 18 12-15 16-14-6 13-1 14 9-6 16-8' }))

type Kind = 'primary' | 'plain' | 'quiet' | 'danger'

/** A button with words on it. */
export function push(label: string, kind: Kind, act: () => void, picture?: string): HTMLButtonElement {
  const made = html('button', { type: 'button', class: `push ${kind}` }, ...(picture ? [icon(picture)] : []), html('span', {}, label))
  made.addEventListener('click', act)
  return made
}

/** Keeps a button from being pressed twice while what it does is under way, and says in `says` what went wrong. */
export async function busy(button: HTMLButtonElement, says: HTMLElement, work: () => Promise<void>): Promise<void> {
  if (button.disabled) return
  button.disabled = true
  tell(says, '')
  try {
    await work()
  } catch (error) {
    tell(says, sentence(error))
  } finally {
    button.disabled = false
  }
}

/** A place for a sentence that is read out when it changes. */
export const says = (kind: 'bad' | 'good' = 'bad'): HTMLElement => html('p', { class: `says ${kind}`, role: kind === 'bad' ? 'alert' : 'status' })

export function tell(place: HTMLElement, words: string): void {
  if (place.textContent !== words) place.textContent = words
}

/** Something to be taken along: shown, and copied with one click. Where there is no clipboard it is selected. */
export function copyable(label: string, text: string, tag: 'code' | 'pre' = 'code'): HTMLElement {
  const shown = html(tag, { tabindex: tag === 'pre' ? '0' : undefined, 'aria-label': label }, text)
  const words = html('span', { role: 'status' }, 'Copy')
  const button = html('button', { type: 'button', class: 'copy', 'aria-label': `Copy: ${label}` }, icon(ICONS.copy), words)
  const select = () => window.getSelection()?.selectAllChildren(shown)
  button.addEventListener('click', () => {
    const done = () => {
      words.textContent = 'Copied'
      setTimeout(() => (words.textContent = 'Copy'), COPIED_FOR_MS)
    }
    // There is no clipboard on pages that came without encryption from another machine.
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, select)
    else select()
  })
  return html('div', { class: `copyable ${tag}` }, shown, button)
}

/** A field with its name above it. */
export function field<E extends HTMLElement>(label: string, control: E, hint?: string): HTMLElement {
  const id = (control.id ||= `f${++fields}`)
  const parts: Node[] = [html('label', { for: id }, label), control]
  if (hint) {
    control.setAttribute('aria-describedby', `${id}-hint`)
    parts.push(html('p', { class: 'hint', id: `${id}-hint` }, hint))
  }
  return html('div', { class: 'field' }, ...parts)
}
let fields = 0

export function choice<V extends string>(options: readonly (readonly [V, string])[], chosen: V): HTMLSelectElement {
  const made = html('select', {}, ...options.map(([value, label]) => html('option', { value }, label)))
  made.value = chosen
  return made
}

/** A line of the last minute. */
export class Spark {
  readonly element: SVGSVGElement
  #line = svg('path', { class: 'spark-line' })
  #size: readonly [number, number]

  constructor(width: number, height: number) {
    this.#size = [width, height]
    this.element = svg('svg', { viewBox: `0 0 ${width} ${height}`, class: 'spark', 'aria-hidden': 'true', preserveAspectRatio: 'none', width, height }, this.#line)
  }

  show(values: readonly number[]): void {
    const still = values.length < 2 || values.every((value) => value === 0)
    this.element.classList.toggle('still', still)
    this.#line.setAttribute('d', still ? `M0 ${this.#size[1] - 1}H${this.#size[0]}` : spark(values.slice(-SECONDS), ...this.#size))
  }
}

export const day = (iso: string): string => new Date(iso).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })
