// The table of rooms. Lines stay the same elements from second to second, so that focus and selection stay where they are.

import { html, icon } from '../../try/src/ui/dom'
import { ICONS, Spark } from './parts'
import { ago, bytes, count, rate, type Column, type Order, type Rooms, type Row } from './rooms'

const COLUMNS: readonly { column: Column; label: string; meaning: string; down: boolean }[] = [
  { column: 'name', label: 'Room', meaning: 'Name and title', down: false },
  { column: 'people', label: 'People', meaning: 'Clients that show themselves, on all nodes', down: true },
  { column: 'moving', label: 'Cursors', meaning: 'Cursors that moved in the last second', down: true },
  { column: 'rate', label: 'Updates/s', meaning: 'Updates in the last second, and the last minute', down: true },
  { column: 'bytes', label: 'Size', meaning: 'Content of the room', down: true },
  { column: 'changed', label: 'Last activity', meaning: 'When it was last drawn on', down: true },
  { column: 'node', label: 'Open', meaning: 'Where it is open, as far as this node knows', down: true },
]

interface Line {
  element: HTMLTableRowElement
  show(row: Row, now: number): void
  tick(past: readonly number[]): void
}

export class Table {
  readonly element: HTMLElement
  order: Order = { column: 'people', down: true }
  #body = html('tbody')
  #lines = new Map<string, Line>()
  #heads = new Map<Column, HTMLTableCellElement>()
  #chosen: string | null = null
  #choose: (name: string) => void

  constructor(choose: (name: string) => void, sorted: () => void) {
    this.#choose = choose
    const heads = COLUMNS.map(({ column, label, meaning, down }) => {
      const button = html('button', { type: 'button', title: meaning }, label, icon(ICONS.down))
      button.addEventListener('click', () => {
        this.order = { column, down: this.order.column === column ? !this.order.down : down }
        this.#mark()
        sorted()
      })
      const head = html('th', { scope: 'col', class: column }, button)
      this.#heads.set(column, head)
      return head
    })
    const caption = html('caption', { class: 'unseen' }, 'Rooms')
    this.element = html('table', { class: 'rooms' }, caption, html('thead', {}, html('tr', {}, ...heads)), this.#body)
    this.#mark()
  }

  choose(name: string | null): void {
    this.#chosen = name
    for (const [room, { element }] of this.#lines) mark(element, room === name)
  }

  /** Puts focus where it was before a room was looked at. False: its line is not there. */
  focus(name: string): boolean {
    const line = this.#lines.get(name)
    line?.element.querySelector('button')?.focus()
    return line !== undefined
  }

  show(rows: readonly Row[], now: number): void {
    const wanted = new Set(rows.map(({ name }) => name))
    for (const [name, { element }] of this.#lines) {
      if (wanted.has(name)) continue
      element.remove()
      this.#lines.delete(name)
    }
    // A line that is moved loses focus.
    const focused = document.activeElement
    let before: Element | null = this.#body.firstElementChild
    for (const row of rows) {
      const line = this.#lines.get(row.name) ?? this.#add(row.name)
      line.show(row, now)
      if (line.element === before) before = before.nextElementSibling
      else this.#body.insertBefore(line.element, before)
    }
    if (focused instanceof HTMLElement && focused !== document.activeElement && this.#body.contains(focused)) focused.focus({ preventScroll: true })
  }

  tick(rooms: Rooms): void {
    for (const [name, line] of this.#lines) line.tick(rooms.pastOf(name))
  }

  #mark() {
    for (const [column, head] of this.#heads) {
      if (column === this.order.column) head.setAttribute('aria-sort', this.order.down ? 'descending' : 'ascending')
      else head.removeAttribute('aria-sort')
    }
  }

  #add(name: string): Line {
    const line = this.#line(name)
    mark(line.element, name === this.#chosen)
    this.#lines.set(name, line)
    return line
  }

  #line(name: string): Line {
    const button = html('button', { type: 'button', class: 'name' }, html('bdi', {}, name))
    const lock = html('span', { class: 'lock', title: 'Not everybody may come in' }, icon(ICONS.lock))
    const title = html('span', { class: 'title' })
    const figures = html('span', { class: 'number' })
    const spark = new Spark(72, 18)
    const cells = {
      people: html('td', { class: 'people' }),
      moving: html('td', { class: 'moving' }),
      rate: html('td', { class: 'rate' }, html('div', {}, spark.element, figures)),
      bytes: html('td', { class: 'bytes' }),
      changed: html('td', { class: 'changed' }),
      node: html('td', { class: 'node' }),
    }
    const head = html('th', { scope: 'row', class: 'name' }, html('div', { class: 'who' }, button, lock), title)
    const element = html('tr', { 'data-room': name }, head, ...Object.values(cells))
    element.addEventListener('click', () => this.#choose(name))
    const set = (place: HTMLElement, text: string) => {
      if (place.textContent !== text) place.textContent = text
    }
    return {
      element,
      show: ({ title: words, locked, live, changed }, now) => {
        element.classList.toggle('closed', !live)
        element.classList.toggle('busy', (live?.people ?? 0) > 0)
        lock.hidden = !locked
        title.hidden = !words
        set(title, words ?? '')
        const known = (text: string | undefined) => text ?? '–'
        set(cells.people, known(live?.people.toString()))
        set(cells.moving, known(live?.moving.toString()))
        set(figures, known(live ? rate(live.updates_per_second) : undefined))
        set(cells.bytes, known(live ? bytes(live.bytes) : undefined))
        set(cells.changed, changed === null ? '–' : ago(now - changed))
        cells.changed.title = changed === null ? '' : new Date(changed).toLocaleString()
        set(cells.node, live ? (live.nodes.length ? `here + ${live.nodes.length}` : 'here') : 'not here')
        cells.node.title = live
          ? `Open on this node${live.nodes.length ? `, and on ${count(live.nodes.length, 'other node')}` : ''}`
          : 'Not open on this node'
      },
      tick: (past) => spark.show(past),
    }
  }
}

function mark(line: HTMLElement, chosen: boolean) {
  if (chosen) line.setAttribute('aria-current', 'true')
  else line.removeAttribute('aria-current')
}
