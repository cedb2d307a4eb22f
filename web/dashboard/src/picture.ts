// The picture of a room, as the server draws it, that follows the drawing.

import { html, icon } from '../../try/src/ui/dom'
import { ask, Refused, roomPath } from './api'
import type { Looked, Part } from './panel'
import { ICONS } from './parts'
import type { LiveRoom } from './rooms'

/** The shortest time between two pictures. */
const PERIOD_MS = 1000
/** After a picture that could not be had. */
const AGAIN_MS = 5000

export class Picture implements Part {
  readonly element: HTMLElement
  #image = html('img', { alt: '', hidden: true })
  #words = html('p', {}, 'Drawing…')
  #place = html('div', { class: 'placeholder' }, icon(ICONS.picture), this.#words)
  #looked: Looked
  #tag: string | null = null
  /** The number of the update that the picture is of, or is being made of. */
  #of: number | null = null
  #wanted: number | null = null
  #under = false

  constructor(looked: Looked) {
    this.#looked = looked
    this.element = html('figure', { class: 'picture' }, this.#image, this.#place)
    looked.signal.addEventListener('abort', () => this.#show(null))
    void this.#fetch()
  }

  hear(live: LiveRoom | null): void {
    if (!live || live.stored === this.#of) return
    this.#wanted = live.stored
    if (!this.#under) void this.#fetch()
  }

  async #fetch() {
    const { room, signal } = this.#looked
    this.#under = true
    this.#of = this.#wanted ?? this.#looked.live()?.stored ?? null
    this.#wanted = null
    let wait = PERIOD_MS
    try {
      const dark = matchMedia('(prefers-color-scheme: dark)').matches
      const headers: Record<string, string> = this.#tag ? { 'if-none-match': this.#tag } : {}
      const answer = await ask(roomPath(room, `/preview.svg${dark ? '?dark=true' : ''}`), { headers, signal })
      if (answer.status !== 304) {
        this.#tag = answer.headers.get('etag')
        // Shown as an image, so that nothing in it can run.
        const picture = new Blob([await answer.arrayBuffer()], { type: 'image/svg+xml' })
        if (signal.aborted) return
        this.#show(URL.createObjectURL(picture))
        this.#image.alt = `What is on ${room}`
      }
    } catch (error) {
      if (signal.aborted) return
      const gone = error instanceof Refused && error.status === 404
      if (this.#image.hidden || gone) this.#none(gone ? 'No picture yet' : 'No picture at the moment')
      wait = AGAIN_MS
      this.#of = null
    }
    setTimeout(() => {
      this.#under = false
      if (signal.aborted) return
      const live = this.#looked.live()
      if (this.#wanted !== null || (live && live.stored !== this.#of)) void this.#fetch()
    }, wait)
  }

  #none(words: string) {
    this.#show(null)
    this.#words.textContent = words
  }

  #show(address: string | null) {
    const old = this.#image.src
    if (address) this.#image.src = address
    else this.#image.removeAttribute('src')
    this.#image.hidden = !address
    this.#place.hidden = address !== null
    if (old) URL.revokeObjectURL(old)
  }
}
