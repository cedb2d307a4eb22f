// One room, looked at: its picture, who is here, its versions, files of it, who may come in, and how to connect.

import { html, icon } from '../../try/src/ui/dom'
import { askJson, Refused, roomPath, sentence } from './api'
import { code } from './code'
import { drawOn } from './draw'
import { Files } from './files'
import { ICONS, says } from './parts'
import { People } from './people'
import { Picture } from './picture'
import { bytes, count, type KeptRoom, type LiveRoom } from './rooms'
import { Share } from './share'
import { tabs } from './tabs'
import { Thumbnails } from './thumbnails'
import { Versions } from './versions'

/** A part of the panel that follows the room. */
export interface Part {
  readonly element: HTMLElement
  /** `live`: the room as it is now; null while it is not open on this node. */
  hear?(live: LiveRoom | null): void
}

/** What parts know of the room that is looked at. */
export interface Looked {
  readonly room: string
  /** Ends when another room, or none, is looked at. */
  readonly signal: AbortSignal
  live(): LiveRoom | null
  /** Something about it was changed. */
  changed(): void
}

export class Panel {
  readonly element = html('aside', { class: 'panel', 'aria-labelledby': 'panel-title', hidden: true })
  #room: string | null = null
  #end = new AbortController()
  #part: Part | null = null
  #picture: Part | null = null
  #figures = html('p', { class: 'figures' })
  #closed: (room: string) => void
  #live: (room: string) => LiveRoom | null
  #changed: () => void
  #tab = 0

  constructor(about: { live(room: string): LiveRoom | null; changed(): void; closed(room: string): void }) {
    this.#live = about.live
    this.#changed = about.changed
    this.#closed = about.closed
    document.addEventListener('keydown', (event) => {
      // A dialog, and a search, have an Escape of their own.
      const isTheirs = document.querySelector('dialog[open]') !== null || (event.target instanceof HTMLInputElement && event.target.type === 'search')
      if (event.key !== 'Escape' || this.#room === null || isTheirs) return
      event.preventDefault()
      this.close()
    })
  }

  get room(): string | null {
    return this.#room
  }

  close(): void {
    const room = this.#room
    if (room === null) return
    this.#end.abort()
    this.#room = this.#part = this.#picture = null
    this.element.hidden = true
    this.element.replaceChildren()
    this.#closed(room)
  }

  open(room: string): void {
    if (room === this.#room) return
    this.#end.abort()
    this.#end = new AbortController()
    this.#room = room
    const looked: Looked = { room, signal: this.#end.signal, live: () => this.#live(room), changed: () => this.#changed() }
    const title = html('h2', { id: 'panel-title', tabindex: '-1' }, html('bdi', {}, room))
    const subtitle = html('p', { class: 'title', hidden: true })
    const close = html('button', { type: 'button', class: 'icon-button', 'aria-label': 'Close' }, icon(ICONS.close))
    close.addEventListener('click', () => this.close())
    const wrong = says()
    const draw = drawOn(room, 'Draw', 'plain', wrong)
    const picture = new Picture(looked)
    this.#picture = picture
    // Beyond the tab: what was drawn once is not asked for again.
    const thumbnails = new Thumbnails(looked)
    const part = (make: () => Part) => () => {
      this.#part = make()
      this.#part.hear?.(looked.live())
      return this.#part.element
    }
    const all = [
      { label: 'People', fill: part(() => new People(looked)) },
      { label: 'Versions', fill: part(() => new Versions(looked, thumbnails)) },
      { label: 'Export', fill: part(() => new Files(looked)) },
      { label: 'Share', fill: part(() => new Share(looked)) },
      { label: 'Connect', fill: part(() => ({ element: code(room) })) },
    ]
    const tabbed = tabs('About this room', all, 'large', (label) => (this.#tab = all.findIndex((tab) => tab.label === label)), this.#tab)
    this.element.replaceChildren(
      html('header', {}, html('div', { class: 'names' }, title, subtitle), draw, close),
      wrong,
      picture.element,
      this.#figures,
      tabbed
    )
    this.element.hidden = false
    this.element.scrollTop = 0
    this.hear()
    title.focus({ preventScroll: true })
    // A room that nobody has drawn on yet is open and not kept.
    askJson<KeptRoom>(roomPath(room), { signal: looked.signal }).then(
      (kept) => {
        subtitle.hidden = !kept.title
        subtitle.textContent = kept.title ?? ''
      },
      (error) => {
        if (looked.signal.aborted || (error instanceof Refused && error.status === 404)) return
        subtitle.hidden = false
        subtitle.textContent = sentence(error)
      }
    )
  }

  /** Something may have changed. */
  hear(): void {
    if (this.#room === null) return
    const live = this.#live(this.#room)
    const words = live
      ? [count(live.people, 'person', 'people'), count(live.connections, 'connection'), bytes(live.bytes), `update ${live.stored}`]
      : ['Not open on this node']
    const text = words.join(' · ')
    if (this.#figures.textContent !== text) this.#figures.textContent = text
    this.#picture?.hear?.(live)
    this.#part?.hear?.(live)
  }
}
