// The board as a file: the server draws what it has stored, and the browser takes it down.

import { ask, sentence } from '../net/ask'
import type { Connection } from '../net/connection'
import { order, type AskJson, type Wish } from '../net/order'
import type { Place } from '../place'
import { html, icon } from './dom'
import { ICONS } from './icons'

const FORMATS = ['png', 'svg', 'pdf'] as const

const askJson: AskJson = async (path, asked = {}) => (await ask(path, asked, 'cookie')).json()

export function files(connection: Connection, { room, name }: Place): HTMLElement {
  const open = html('button', { type: 'button', 'aria-label': 'Save as a file', title: 'Save as a file', 'aria-haspopup': 'dialog', 'aria-expanded': 'false' }, icon(ICONS.save))
  const says = html('p', { class: 'says', role: 'status' })
  const buttons = FORMATS.map((format) => {
    const made = html('button', { type: 'button' }, format.toUpperCase())
    made.addEventListener('click', () => void save(format))
    return made
  })
  const sheet = html('div', { class: 'bar sheet', role: 'dialog', 'aria-label': 'Save as a file', hidden: true }, html('p', {}, 'The whole board, drawn by the server'), html('div', { class: 'formats' }, ...buttons), says)
  const element = html('div', { class: 'files' }, open, sheet)

  const show = (yes: boolean) => {
    sheet.hidden = !yes
    open.setAttribute('aria-expanded', String(yes))
    if (yes) buttons[0]!.focus()
  }
  open.addEventListener('click', () => show(Boolean(sheet.hidden)))
  sheet.addEventListener('keydown', (event) => {
    event.stopPropagation()
    if (event.key !== 'Escape') return
    show(false)
    open.focus()
  })
  document.addEventListener('pointerdown', (event) => {
    if (!sheet.hidden && !element.contains(event.target as Node)) show(false)
  })

  async function save(format: Wish['format']) {
    const kind = format.toUpperCase()
    if (buttons.some((each) => each.getAttribute('aria-disabled') === 'true')) return
    // Not `disabled`, which would take the focus away.
    for (const each of buttons) each.setAttribute('aria-disabled', 'true')
    says.textContent = `Drawing a ${kind}…`
    try {
      await stored(connection)
      const url = await order(askJson, room, { format }, new AbortController().signal, (percent) => (says.textContent = `Drawing a ${kind}… ${percent} %`))
      const here = url.origin === location.origin
      // What lies elsewhere is gone to, which must not take this page away.
      const link = html('a', { href: url.href, download: `${name.replaceAll('/', '-')}.${format}`, target: here ? undefined : '_blank', rel: 'noreferrer' }, here ? `Save the ${kind} again` : `Save the ${kind}`)
      says.replaceChildren(here ? 'It is on its way. ' : 'It is ready: ', link)
      // Browsers block a new window that nobody's click opens.
      if (here) link.click()
    } catch (error) {
      says.textContent = sentence(error)
    } finally {
      for (const each of buttons) each.removeAttribute('aria-disabled')
    }
  }
  return element
}

/** A file shows what is stored, so what was just drawn is waited for. */
function stored(connection: Connection): Promise<void> {
  if (connection.state.line !== 'open') return Promise.reject(new Error('There is no connection to the server'))
  return new Promise((done, failed) => {
    const stop = connection.watch(({ line, unsaved, readOnly }) => {
      if (line !== 'open') failed(new Error('The connection was lost meanwhile'))
      else if (unsaved && !readOnly) return
      else done()
      queueMicrotask(() => stop())
    })
  })
}
