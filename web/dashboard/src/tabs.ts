// Tabs, as keyboards and screen readers know them: arrows move, and only the chosen one is a stop.

import { html } from '../../try/src/ui/dom'

export interface Tab {
  label: string
  /** Makes what it shows, each time it is chosen. */
  fill(): HTMLElement
}

let made = 0

export function tabs(label: string, all: readonly Tab[], size: 'large' | 'small' = 'large', chose: (label: string) => void = () => {}, first = 0): HTMLElement {
  const id = `tabs${++made}`
  const shown = html('div', { role: 'tabpanel', id: `${id}-shown`, class: 'tab-panel' })
  const buttons = all.map((tab, at) => {
    const button = html('button', { type: 'button', role: 'tab', id: `${id}-${at}`, 'aria-controls': shown.id }, tab.label)
    button.addEventListener('click', () => choose(at))
    return button
  })
  const list = html('div', { role: 'tablist', 'aria-label': label, class: `tabs ${size}` }, ...buttons)
  list.addEventListener('keydown', ({ key }) => {
    const now = buttons.findIndex((button) => button.getAttribute('aria-selected') === 'true')
    const to = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: all.length - 1 }[key]
    if (to === undefined) return
    const at = (to + all.length) % all.length
    choose(at)
    buttons[at]!.focus()
  })
  function choose(chosen: number) {
    buttons.forEach((button, at) => {
      button.setAttribute('aria-selected', String(at === chosen))
      button.tabIndex = at === chosen ? 0 : -1
    })
    shown.setAttribute('aria-labelledby', `${id}-${chosen}`)
    shown.replaceChildren(all[chosen]!.fill())
    chose(all[chosen]!.label)
  }
  choose(first)
  return html('div', { class: 'tabbed' }, list, shown)
}
