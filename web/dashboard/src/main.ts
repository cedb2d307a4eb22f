// Puts the dashboard together: the stream, the list, the table, and the room that is looked at.

import { html, icon } from '../../try/src/ui/dom'
import { askJson, Refused, sentence, setToken, token } from './api'
import { door } from './door'
import { Feed, type Line } from './feed'
import { newBoard } from './new-board'
import { Panel } from './panel'
import { brand, ICONS, push, says, Spark, tell } from './parts'
import { bytes, rate, Rooms, type KeptRoom } from './rooms'
import { Table } from './table'

/** How often the list of kept rooms is read anew, and how long after the last key of a search. */
const LIST_EVERY_MS = 20_000
const SEARCH_AFTER_MS = 250
const PAGE = 100
/** A line that comes back so soon is not said to be broken. */
const AWAY_AFTER_MS = 700

const WORDS: { [line in Line]: string } = { connecting: 'Connecting…', live: 'Live', away: 'Reconnecting…', refused: 'Not connected' }

const rooms = new Rooms()
let skew = 0
let heard = false
let pages = 1
let search = ''

const light = html('div', { class: 'light', role: 'status' }, html('span', { class: 'dot', 'aria-hidden': 'true' }), html('span', { class: 'words' }))
const notice = html('p', { class: 'notice', role: 'alert', hidden: true })
const listWrong = says()
const leave = push('Forget token', 'quiet', () => {
  setToken(null)
  location.reload()
})
const board = newBoard(() => void list(), look)
const fresh = push('New board', 'primary', () => board.open(), ICONS.plus)

const table = new Table(look, show)
const more = push('Show more rooms', 'plain', () => {
  pages++
  void list()
})
const panel = new Panel({
  live: (room) => rooms.live(room),
  changed: () => void list(),
  closed(room) {
    place(null)
    table.choose(null)
    document.body.classList.remove('looking')
    cover()
    if (!table.focus(room)) input.focus()
  },
})

const input = html('input', { type: 'search', placeholder: 'Search rooms', 'aria-label': 'Search rooms', autocomplete: 'off', spellcheck: 'false' })
let typing: number | undefined
input.addEventListener('input', () => {
  search = input.value
  pages = 1
  show()
  clearTimeout(typing)
  typing = window.setTimeout(() => void list(), SEARCH_AFTER_MS)
})

const figures = { open: html('dd'), people: html('dd'), rate: html('dd'), bytes: html('dd') }
const line = new Spark(120, 28)
const tile = (label: string, figure: HTMLElement, ...more: Node[]) => html('div', {}, html('dt', {}, label), figure, ...more)
const tiles = html('dl', { class: 'tiles' }, tile('Open rooms', figures.open), tile('People', figures.people), tile('Updates/s', figures.rate, line.element), tile('Content', figures.bytes))

const empty = html(
  'div',
  { class: 'empty', hidden: true },
  html('p', { class: 'big' }, 'No room yet'),
  html('p', {}, 'Make a board, or connect your editor: a room is there as soon as somebody comes.'),
  push('New board', 'primary', () => board.open(), ICONS.plus)
)
const nothing = html('p', { class: 'nothing', hidden: true })
const scope = html('p', { class: 'foot' }, 'Live figures are of rooms that are open on this node. ', html('a', { href: '/docs' }, 'API'), ' · ', html('a', { href: '/health' }, 'Health'))
const page = html(
  'main',
  {},
  tiles,
  html('div', { class: 'bar' }, html('div', { class: 'search' }, icon(ICONS.search), input), fresh),
  listWrong,
  html('div', { class: 'sheet' }, table.element, empty, nothing),
  more,
  scope
)
const top = html('header', { class: 'top' }, html('h1', { class: 'brand' }, brand(), 'Scrible'), light, leave)
const inside = html(
  'div',
  { class: 'inside', hidden: true },
  top,
  notice,
  html('div', { class: 'columns' }, page, panel.element),
  board.element
)
const outside = door(() => feed.open())
document.body.append(inside, outside.element)

const narrow = matchMedia('(max-width: 1000px)')
narrow.addEventListener('change', cover)

let silent: number | undefined
const feed = new Feed({
  rooms(event) {
    heard = true
    rooms.hear(event)
    show()
    panel.hear()
  },
  line(now, why, ahead) {
    clearTimeout(silent)
    if (now === 'live') {
      skew = ahead
      enter()
    }
    if (now === 'refused' && why) return refuse(why)
    const tellIt = () => {
      light.dataset.line = now
      tell(light.querySelector<HTMLElement>('.words')!, WORDS[now])
      // Also before the first answer: a server that is away should not look like an empty page.
      if (now === 'away') enter()
      document.body.classList.toggle('away', now === 'away')
      notice.hidden = now !== 'away'
      tell(notice, now === 'away' ? `${why ? sentence(why) : 'The server does not answer.'} What you see is how it was; this page goes on by itself${why ? '' : ' when it is back'}.` : '')
    }
    if (now === 'away') silent = window.setTimeout(tellIt, AWAY_AFTER_MS)
    else if (now !== 'connecting' || !document.body.classList.contains('away')) tellIt()
  },
})
feed.open()

setInterval(() => {
  // While nothing is heard, nothing is known of what goes on.
  if (light.dataset.line === 'live') rooms.tick()
  table.tick(rooms)
  line.show(rooms.past)
  show()
}, 1000)
setInterval(() => !document.hidden && !inside.hidden && void list(), LIST_EVERY_MS)
window.addEventListener('hashchange', arrive)

/** Somebody may see the rooms. */
function enter() {
  if (!inside.hidden) return
  inside.hidden = false
  outside.element.hidden = true
  leave.hidden = token() === null
  void list().then(arrive)
}

function refuse(why: Refused) {
  panel.close()
  // Left open, it would keep the door from being used.
  board.element.close()
  inside.hidden = true
  outside.element.hidden = false
  outside.show(why)
}

/** Reads the list of kept rooms, as many pages as were asked for. */
async function list() {
  const wanted = search
  try {
    const all: KeptRoom[] = []
    let next: string | null = null
    for (let at = 0; at < pages; at++) {
      const query = new URLSearchParams({ limit: String(PAGE), ...(wanted.trim() ? { search: wanted.trim() } : {}), ...(next ? { cursor: next } : {}) })
      const answer: { rooms: KeptRoom[]; next: string | null } = await askJson(`/api/rooms?${query}`)
      all.push(...answer.rooms)
      next = answer.next
      if (next === null) break
    }
    if (wanted !== search) return
    rooms.keep(all)
    more.hidden = next === null
    tell(listWrong, '')
  } catch (error) {
    // That the server is away is said once, above.
    if (error instanceof Refused) tell(listWrong, sentence(error))
  }
  show()
}

function show() {
  const rows = rooms.rows(search, table.order)
  table.show(rows, Date.now() - skew)
  const known = heard || rows.length > 0
  table.element.hidden = rows.length === 0
  empty.hidden = !known || rows.length > 0 || search.trim() !== ''
  nothing.hidden = rows.length > 0 || search.trim() === ''
  tell(nothing, `No room has “${search.trim()}” in its name or title.`)
  const { totals } = rooms
  const set = (place: HTMLElement, text: string) => tell(place, totals ? text : '–')
  set(figures.open, String(totals?.open))
  set(figures.people, String(totals?.people))
  set(figures.rate, rate(totals?.updates_per_second ?? 0))
  set(figures.bytes, bytes(totals?.bytes ?? 0))
  const hidden = totals ? totals.open - totals.rooms.length : 0
  scope.firstChild!.textContent = hidden > 0 ? `Live figures are of the ${totals!.rooms.length} busiest of ${totals!.open} rooms that are open on this node. ` : 'Live figures are of rooms that are open on this node. '
}

function look(room: string) {
  place(room)
  table.choose(room)
  document.body.classList.add('looking')
  panel.open(room)
  cover()
}

/** On a narrow screen the panel lies over all else. */
function cover() {
  top.inert = page.inert = narrow.matches && panel.room !== null
}

/** The room that is looked at stands in the address, so that a reload comes back to it. */
function place(room: string | null) {
  history.replaceState(null, '', room === null ? location.pathname : `#${encodeURIComponent(room)}`)
}

function arrive() {
  if (location.hash.length < 2) return panel.close()
  try {
    look(decodeURIComponent(location.hash.slice(1)))
  } catch {
    place(null)
  }
}
