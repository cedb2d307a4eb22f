// The versions of a room: kept, and put back after a second thought.

import { html } from '../../try/src/ui/dom'
import { askJson, Refused, roomPath, sentence } from './api'
import type { Looked, Part } from './panel'
import { busy, day, push, says, tell } from './parts'
import { bytes, count } from './rooms'
import type { Thumbnails } from './thumbnails'

interface Version {
  version: number
  label: string | null
  author: string | null
  created: string
  bytes: number
}

export class Versions implements Part {
  readonly element: HTMLElement
  #looked: Looked
  #thumbnails: Thumbnails
  #list = html('ul', { class: 'entries' })
  #none = html('p', { class: 'quiet-words' }, 'Looking…')
  #more = push('Show more', 'quiet', () => void busy(this.#more, this.#wrong, () => this.#load()))
  #wrong = says()
  #done = says('good')
  #next: string | null = null

  constructor(looked: Looked, thumbnails: Thumbnails) {
    this.#looked = looked
    this.#thumbnails = thumbnails
    const label = html('input', { type: 'text', placeholder: 'Name of a version', 'aria-label': 'Name of a version', maxlength: 200, autocomplete: 'off' })
    const keep = html('button', { type: 'submit', class: 'push plain' }, html('span', {}, 'Keep this one'))
    const form = html('form', { method: 'post', class: 'line' }, label, keep)
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      if (!label.value.trim()) return label.focus()
      void busy(keep, this.#wrong, async () => {
        await askJson(roomPath(looked.room, '/snapshots'), { method: 'POST', body: { label: label.value.trim() } })
        label.value = ''
        tell(this.#done, 'Kept.')
        await this.#reload()
      })
    })
    this.#more.hidden = true
    this.element = html('div', {}, form, this.#done, this.#wrong, this.#none, this.#list, this.#more)
    this.#reload().catch((error) => {
      if (looked.signal.aborted) return
      const early = error instanceof Refused && error.status === 404
      this.#none.textContent = early ? 'Versions are kept once something is drawn.' : sentence(error)
    })
  }

  async #reload() {
    this.#next = null
    const shown = await this.#page()
    this.#list.replaceChildren(...shown)
    this.#none.hidden = shown.length > 0
    this.#none.textContent = 'No version yet. The server keeps one by itself a few minutes after a change.'
  }

  async #load() {
    this.#list.append(...(await this.#page()))
  }

  async #page(): Promise<HTMLElement[]> {
    const { room, signal } = this.#looked
    const cursor = this.#next ? `&cursor=${encodeURIComponent(this.#next)}` : ''
    const { snapshots, next } = await askJson<{ snapshots: Version[]; next: string | null }>(roomPath(room, `/snapshots?limit=20${cursor}`), { signal })
    this.#next = next
    this.#more.hidden = next === null
    return snapshots.map((version) => this.#entry(version))
  }

  #entry({ version, label, author, created, bytes: size }: Version): HTMLElement {
    const restore = push('Restore', 'quiet', () => {
      ask.hidden = false
      restore.hidden = true
      yes.focus()
    })
    const leave = () => {
      ask.hidden = true
      restore.hidden = false
    }
    const yes = push('Restore', 'primary', () =>
      void busy(yes, this.#wrong, async () => {
        tell(this.#done, '')
        const done = await askJson<{ before: number; changes: number; left: string[] }>(roomPath(this.#looked.room, `/snapshots/${version}/restore`), { method: 'POST' })
        leave()
        const changes = done.changes ? `${count(done.changes, 'change')} put it back` : 'The board was as it is'
        const left = done.left.length ? ` Not all could be put back: ${done.left.join('; ')}.` : ''
        tell(this.#done, `${changes}; what was there before is version ${done.before}.${left}`)
        await this.#reload()
      })
    )
    const no = push('Leave it', 'quiet', () => {
      leave()
      restore.focus()
    })
    const ask = html('div', { class: 'sure', hidden: true }, html('p', {}, 'Everybody on the board will see this version. What is there now is kept as a version.'), html('div', { class: 'actions' }, yes, no))
    const picture = html('div', { class: 'seen' })
    const large = 'Show a large picture'
    const see = html('button', { type: 'button', class: 'see', title: large, 'aria-expanded': 'false' }, this.#thumbnails.of(version), html('span', { class: 'unseen' }, `${large} of version ${version}`))
    see.addEventListener('click', () =>
      void busy(see, this.#wrong, async () => {
        const isOpen = picture.hasChildNodes()
        picture.replaceChildren(...(isOpen ? [] : [await this.#thumbnails.large(version)]))
        see.setAttribute('aria-expanded', String(!isOpen))
      })
    )
    const name = html('span', { class: 'entry-name' }, label ?? day(created))
    const about = [`version ${version}`, ...(label ? [day(created)] : []), bytes(size), ...(author ? [author.replace(/^sub:/, 'by ')] : [])]
    return html('li', {}, html('div', { class: 'entry version' }, see, html('div', {}, name, html('span', { class: 'aside' }, about.join(' · '))), restore), picture, ask)
  }
}
