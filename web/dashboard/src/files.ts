// A room as a file: the server draws it, and the browser takes it down.

import { html } from '../../try/src/ui/dom'
import { askJson, Refused, sentence } from './api'
import { order } from '../../try/src/net/order'
import type { Looked, Part } from './panel'
import { push, says, tell } from './parts'

const FORMATS = ['png', 'svg', 'pdf'] as const

export class Files implements Part {
  readonly element: HTMLElement
  #looked: Looked
  #wrong = says()
  #how = says('good')
  #buttons: HTMLButtonElement[]

  constructor(looked: Looked) {
    this.#looked = looked
    this.#buttons = FORMATS.map((format) => push(format.toUpperCase(), 'plain', () => void this.#export(format)))
    this.element = html(
      'div',
      {},
      html('p', { class: 'quiet-words' }, 'The whole board as it is stored now.'),
      html('div', { class: 'actions even' }, ...this.#buttons),
      this.#how,
      this.#wrong
    )
  }

  async #export(format: (typeof FORMATS)[number]) {
    const { room, signal } = this.#looked
    if (this.#buttons.some(({ disabled }) => disabled)) return
    for (const button of this.#buttons) button.disabled = true
    tell(this.#wrong, '')
    tell(this.#how, `Drawing a ${format.toUpperCase()}…`)
    try {
      const url = await order(askJson, room, { format }, signal, (percent) => tell(this.#how, `Drawing a ${format.toUpperCase()}… ${percent} %`))
      // A file that lies elsewhere is not taken down but gone to, which must not take this page away.
      const elsewhere = url.origin !== location.origin
      const kind = format.toUpperCase()
      const link = html(
        'a',
        { href: url.href, download: `${room.replaceAll('/', '-')}.${format}`, target: elsewhere ? '_blank' : undefined, rel: 'noreferrer' },
        elsewhere ? `Save the ${kind}` : `Save the ${kind} again`
      )
      this.#how.replaceChildren(elsewhere ? 'It is ready: ' : 'It is on its way. ', link)
      // Browsers block a new window that nobody's click opens.
      if (!elsewhere) link.click()
    } catch (error) {
      if (signal.aborted) return
      tell(this.#how, '')
      const early = error instanceof Refused && error.code === 'room-not-found'
      tell(this.#wrong, early ? 'There is nothing to draw yet.' : sentence(error))
    } finally {
      for (const button of this.#buttons) button.disabled = false
    }
  }
}
