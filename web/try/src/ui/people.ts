// Who is here: a round for everybody, and one's own name and colour behind the first of them.

import type { Editor } from '../edit/editor'
import { colors, initials, inkOn, type Other, type Presence } from '../net/presence'
import { html } from './dom'

/** More people than this are counted, not shown. */
const MAX_SHOWN = 5

export function people(presence: Presence, editor: Editor): { element: HTMLElement; show: () => void } {
  const list = html('div', { class: 'faces', role: 'list', 'aria-label': 'Who is here' })
  const mine = html('button', { type: 'button', class: 'face me', 'aria-haspopup': 'dialog', 'aria-expanded': 'false' })
  const name = html('input', { type: 'text', maxlength: 40, id: 'my-name', autocomplete: 'nickname', spellcheck: 'false' })
  const swatches = colors().map((color) => {
    const swatch = html('button', { type: 'button', role: 'radio', 'aria-label': `Colour ${color}` }, html('span', { class: 'swatch' }))
    swatch.style.setProperty('--swatch', color)
    swatch.addEventListener('click', () => {
      presence.rename({ color })
      show()
    })
    return { color, swatch }
  })
  const palette = html('div', { class: 'choices', role: 'radiogroup', 'aria-label': 'Your colour' }, ...swatches.map(({ swatch }) => swatch))
  const sheet = html('form', { class: 'bar sheet', hidden: true, 'aria-label': 'You' }, html('label', { for: 'my-name' }, 'Your name, as others see it'), name, palette)
  const element = html('div', { class: 'people' }, list, mine, sheet)

  const open = (yes: boolean) => {
    sheet.hidden = !yes
    mine.setAttribute('aria-expanded', String(yes))
    if (yes) name.select()
    else mine.focus()
  }
  mine.addEventListener('click', () => open(Boolean(sheet.hidden)))
  name.addEventListener('input', () => {
    presence.rename({ name: name.value.trim() || 'Someone' })
    show()
  })
  sheet.addEventListener('submit', (event) => {
    event.preventDefault()
    open(false)
  })
  sheet.addEventListener('keydown', (event) => {
    event.stopPropagation()
    if (event.key === 'Escape') open(false)
  })
  document.addEventListener('pointerdown', (event) => {
    if (!sheet.hidden && !element.contains(event.target as Node)) {
      sheet.hidden = true
      mine.setAttribute('aria-expanded', 'false')
    }
  })

  let shown = ''
  function show() {
    const { me, others } = presence
    const here = JSON.stringify([me, others.map(({ client, name, color, page }) => [client, name, color, page])])
    if (here === shown) return
    shown = here
    if (document.activeElement !== name) name.value = me.name
    paint(mine, me)
    mine.setAttribute('aria-label', `You are ${me.name}. Change your name`)
    mine.title = `${me.name} (you)`
    for (const { color, swatch } of swatches) swatch.setAttribute('aria-checked', String(color === me.color))
    const faces = others.slice(0, MAX_SHOWN).map((other) => face(other, presence, editor))
    const rest = others.length - faces.length
    if (rest > 0) faces.push(html('span', { class: 'face rest', role: 'listitem', title: others.slice(MAX_SHOWN).map(({ name }) => name).join(', ') }, `+${rest}`))
    list.replaceChildren(...faces)
  }
  show()
  return { element, show }
}

function face({ client, name, color }: Other, presence: Presence, editor: Editor): HTMLElement {
  const made = html('button', { type: 'button', class: 'face', title: `${name}: go there`, 'aria-label': `Go to ${name}`, 'data-client': client })
  paint(made, { name, color })
  made.addEventListener('click', () => {
    const now = presence.others.find((other) => other.client === client)
    if (!now) return
    if (now.page !== editor.page && editor.board.pages.some(({ id }) => id === now.page)) editor.turnTo(now.page)
    if (now.cursor) editor.centreOn(now.cursor)
  })
  return html('span', { role: 'listitem' }, made)
}

function paint(element: HTMLElement, { name, color }: { name: string; color: string }) {
  element.textContent = initials(name)
  element.style.setProperty('--color', color)
  element.style.setProperty('--on', inkOn(color))
}
