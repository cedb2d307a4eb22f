// Who is in a room now, by what they show of themselves, and who was before.

import { html } from '../../try/src/ui/dom'
import { askJson, Refused, roomPath, sentence } from './api'
import type { Looked, Part } from './panel'
import { day, says, tell } from './parts'
import { who, type Presence } from './presence'
import { count, type LiveRoom } from './rooms'

interface Participant {
  identity: string | null
  name: string | null
  role: string
  joined: string
  left: string | null
}

/** The shortest time between two looks. */
const PERIOD_MS = 2000
const EARLIER = 8

export class People implements Part {
  readonly element: HTMLElement
  #looked: Looked
  #now = html('ul', { class: 'people-list' })
  #none = html('p', { class: 'quiet-words' })
  #earlier = html('div')
  #wrong = says()
  #people = -1
  #asked = -PERIOD_MS
  #under = false
  #later: number | undefined

  constructor(looked: Looked) {
    this.#looked = looked
    this.element = html('div', {}, html('h3', {}, 'Here now'), this.#none, this.#now, this.#wrong, this.#earlier)
    this.#none.textContent = 'Nobody is here.'
    void this.#history()
  }

  hear(live: LiveRoom | null): void {
    if (!live) return this.#show([])
    const changed = live.people !== this.#people || live.moving > 0
    if (!changed || this.#later !== undefined) return
    const wait = this.#under ? PERIOD_MS : Math.max(0, this.#asked + PERIOD_MS - performance.now())
    this.#later = window.setTimeout(() => {
      this.#later = undefined
      if (this.#looked.signal.aborted || this.#under) return
      this.#people = this.#looked.live()?.people ?? 0
      void this.#look()
    }, wait)
  }

  async #look() {
    const { room, signal } = this.#looked
    this.#under = true
    this.#asked = performance.now()
    try {
      const { clients } = await askJson<{ clients: Presence[] }>(roomPath(room, '/presence'), { signal })
      this.#show(clients)
      tell(this.#wrong, '')
    } catch (error) {
      if (signal.aborted) return
      this.#people = -1
      // A room that nobody has drawn on yet is not kept, and so not there for the API.
      if (error instanceof Refused && error.status === 404) this.#none.textContent = 'Who is here shows once something is drawn.'
      else tell(this.#wrong, sentence(error))
    } finally {
      this.#under = false
    }
  }

  #show(clients: readonly Presence[]) {
    this.#none.hidden = clients.length > 0
    const shown = clients.map((client) => {
      const { name, color } = who(client)
      const dot = html('span', { class: 'dot', 'aria-hidden': 'true' })
      dot.style.setProperty('--color', color)
      return html('li', {}, dot, html('bdi', {}, name), html('span', { class: 'aside' }, client.node ? 'on another node' : ''))
    })
    this.#now.replaceChildren(...shown)
  }

  async #history() {
    const { room, signal } = this.#looked
    try {
      const { participants } = await askJson<{ participants: Participant[] }>(roomPath(room, '/participants?limit=50'), { signal })
      const gone = participants.filter(({ left }) => left !== null)
      if (!gone.length) return
      const lines = gone.slice(0, EARLIER).map(({ name, identity, role, left }) =>
        html('li', {}, html('bdi', {}, name ?? identity?.replace(/^sub:/, '') ?? 'Somebody'), html('span', { class: 'aside' }, `${role}, left ${day(left!)}`))
      )
      const more = gone.length > EARLIER ? [html('p', { class: 'quiet-words' }, `And ${count(gone.length - EARLIER, 'more stay')}.`)] : []
      this.#earlier.replaceChildren(html('h3', {}, 'Before'), html('ul', { class: 'people-list' }, ...lines), ...more)
    } catch {
      // That somebody was here is not worth a complaint where it cannot be told.
    }
  }
}
