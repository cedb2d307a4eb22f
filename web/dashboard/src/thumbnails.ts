// Pictures of a room's versions, as the server draws them. Small ones are asked for when they come into view, two at a time, and each once,
// because a version never changes; a large one when somebody wants it. Knows no list: whoever shows a small one again gets the same element.

import { html, icon } from '../../try/src/ui/dom'
import { ask, Refused, roomPath, sentence } from './api'
import type { Looked } from './panel'
import { ICONS } from './parts'

/** From one page. The server draws for others, too. */
const AT_ONCE = 2
/** px of the longer side: for screens with two pixels for each. */
const SIDE = 192
/** Before what did not go well is tried again, while it is in view; the last one again and again. */
const PAUSES_MS = [1000, 2000, 4000, 8000]

/** `waiting` shows a place for it; `empty` is a board with nothing on it; `none` will not be drawn. */
type State = 'waiting' | 'drawn' | 'empty' | 'none'

export class Thumbnails {
  #looked: Looked
  #known = new Map<number, Thumbnail>()
  #shownBy = new Map<Element, Thumbnail>()
  #inView = new Set<Thumbnail>()
  #wanted = new Set<Thumbnail>()
  #under = 0
  #watch = new IntersectionObserver((entries) => this.#seen(entries))

  constructor(looked: Looked) {
    this.#looked = looked
    looked.signal.addEventListener('abort', () => this.#watch.disconnect())
  }

  of(version: number): HTMLElement {
    let thumbnail = this.#known.get(version)
    if (!thumbnail) {
      thumbnail = new Thumbnail(version)
      this.#known.set(version, thumbnail)
      this.#shownBy.set(thumbnail.element, thumbnail)
      this.#watch.observe(thumbnail.element)
    }
    return thumbnail.element
  }

  /** As large as there is room for. */
  async large(version: number): Promise<HTMLElement> {
    const image = html('img', { alt: `What was on ${this.#looked.room} in version ${version}` })
    const isEmpty = await show(image, await this.#picture('svg', version))
    return isEmpty ? html('p', { class: 'quiet-words' }, 'There was nothing on the board.') : image
  }

  #seen(entries: readonly IntersectionObserverEntry[]) {
    for (const { target, isIntersecting } of entries) {
      const thumbnail = this.#shownBy.get(target)!
      if (isIntersecting) this.#inView.add(thumbnail)
      else this.#inView.delete(thumbnail)
      // What has gone by before its turn came is not asked for.
      if (!isIntersecting) this.#wanted.delete(thumbnail)
      else if (thumbnail.state === 'waiting' && !thumbnail.isUnder) this.#wanted.add(thumbnail)
    }
    this.#next()
  }

  #next() {
    for (const thumbnail of this.#wanted) {
      if (this.#under === AT_ONCE || this.#looked.signal.aborted) return
      this.#wanted.delete(thumbnail)
      this.#under++
      thumbnail.isUnder = true
      void this.#draw(thumbnail).finally(() => {
        this.#under--
        thumbnail.isUnder = false
        this.#next()
      })
    }
  }

  async #draw(thumbnail: Thumbnail) {
    const { room, signal } = this.#looked
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        const picture = await this.#picture('png', thumbnail.version, `&width=${SIDE}`)
        return await thumbnail.show(picture, `Version ${thumbnail.version} of ${room}`)
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof Refused && error.status !== 429 && error.status < 500) return thumbnail.refuse(sentence(error))
        // In its place, so that a server with too much to do is asked less.
        await new Promise((soon) => setTimeout(soon, PAUSES_MS[Math.min(attempt, PAUSES_MS.length - 1)]))
        if (!this.#inView.has(thumbnail)) return
      }
    }
  }

  /** Shown as an image, so that nothing in it can run. */
  async #picture(kind: 'png' | 'svg', version: number, more = ''): Promise<Blob> {
    const { room, signal } = this.#looked
    const dark = matchMedia('(prefers-color-scheme: dark)').matches ? '&dark=true' : ''
    const answer = await ask(roomPath(room, `/preview.${kind}?version=${version}${more}${dark}`), { signal })
    return new Blob([await answer.arrayBuffer()], { type: kind === 'png' ? 'image/png' : 'image/svg+xml' })
  }
}

/** Gives an element its picture. True: nothing is on it, which is a picture of one pixel. */
async function show(image: HTMLImageElement, picture: Blob): Promise<boolean> {
  const address = URL.createObjectURL(picture)
  image.src = address
  try {
    await image.decode()
  } finally {
    // The element keeps what it has read.
    URL.revokeObjectURL(address)
  }
  return image.naturalWidth <= 1
}

class Thumbnail {
  readonly version: number
  readonly element: HTMLElement
  state: State = 'waiting'
  /** Whether it is being asked for. */
  isUnder = false
  #image = html('img', { alt: '', hidden: true })
  #sign = icon(ICONS.picture)
  #words = html('span', { hidden: true })

  constructor(version: number) {
    this.version = version
    this.element = html('div', { class: 'thumbnail', 'data-state': this.state }, this.#image, this.#sign, this.#words)
  }

  async show(picture: Blob, alt: string) {
    if (await show(this.#image, picture)) return this.#become('empty', 'Empty')
    this.#image.alt = alt
    this.#become('drawn')
  }

  refuse(why: string) {
    this.element.title = why
    this.#become('none', 'No picture')
  }

  #become(state: State, words = '') {
    this.element.dataset.state = this.state = state
    this.#image.hidden = state !== 'drawn'
    this.#sign.toggleAttribute('hidden', words !== '' || state === 'drawn')
    this.#words.hidden = words === ''
    this.#words.textContent = words
  }
}
