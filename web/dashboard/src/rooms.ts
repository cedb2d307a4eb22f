// What is known of the rooms: those that are open on this node, from the stream, and those that are kept, from the list. Knows no page.

/** A room that is open on this node, as the stream tells. */
export interface LiveRoom {
  name: string
  connections: number
  people: number
  people_elsewhere: number
  nodes: string[]
  moving: number
  updates_per_second: number
  bytes: number
  stored: number
  changed: string | null
}

/** An event of the stream. */
export interface LiveRooms {
  rooms: LiveRoom[]
  open: number
  connections: number
  people: number
  people_elsewhere: number
  moving: number
  updates_per_second: number
  bytes: number
}

/** A room as the API lists it. */
export interface KeptRoom {
  name: string
  title: string | null
  visibility: 'private' | 'public' | null
  link_role: Role
  has_password: boolean
  last_active: string
  role: Role | null
}

export type Role = 'viewer' | 'editor' | 'owner'

/** A line of the table. */
export interface Row {
  name: string
  title: string | null
  locked: boolean
  live: LiveRoom | null
  /** When it was last changed, in milliseconds since 1970, as far as that is known. */
  changed: number | null
}

export type Column = 'name' | 'people' | 'moving' | 'rate' | 'bytes' | 'changed' | 'node'
export interface Order {
  column: Column
  down: boolean
}

/** How many seconds of the past a line of updates shows. */
export const SECONDS = 60

export class Rooms {
  #live = new Map<string, LiveRoom>()
  #kept = new Map<string, KeptRoom>()
  #past = new Map<string, number[]>()
  totals: LiveRooms | null = null
  /** Updates a second of all rooms. */
  past: number[] = []

  /** Takes in an event. */
  hear(event: LiveRooms): void {
    this.totals = event
    this.#live = new Map(event.rooms.map((room) => [room.name, room]))
    for (const name of this.#past.keys()) if (!this.#live.has(name)) this.#past.delete(name)
  }

  /** The list as it is now. */
  keep(rooms: readonly KeptRoom[]): void {
    this.#kept = new Map(rooms.map((room) => [room.name, room]))
  }

  /** A second has gone by. Where no event came, all is as it was. */
  tick(): void {
    for (const [name, { updates_per_second: rate }] of this.#live) {
      const past = this.#past.get(name) ?? []
      this.#past.set(name, [...past, rate].slice(-SECONDS))
    }
    this.past = [...this.past, this.totals?.updates_per_second ?? 0].slice(-SECONDS)
  }

  pastOf(name: string): readonly number[] {
    return this.#past.get(name) ?? []
  }

  live(name: string): LiveRoom | null {
    return this.#live.get(name) ?? null
  }

  /** The lines that fit the search, in order. */
  rows(search: string, order: Order): Row[] {
    const wanted = search.trim().toLowerCase()
    const names = new Set([...this.#live.keys(), ...this.#kept.keys()])
    const rows = [...names].map((name): Row => {
      const live = this.#live.get(name) ?? null
      const kept = this.#kept.get(name)
      const times = [live?.changed, kept?.last_active].flatMap((time) => (time ? Date.parse(time) : []))
      return {
        name,
        title: kept?.title ?? null,
        locked: kept !== undefined && (kept.has_password || kept.visibility === 'private'),
        live,
        changed: times.length ? Math.max(...times) : null,
      }
    })
    const fits = ({ name, title }: Row) => name.toLowerCase().includes(wanted) || (title ?? '').toLowerCase().includes(wanted)
    return rows.filter(fits).sort((a, b) => compare(a, b, order))
  }
}

function compare(a: Row, b: Row, { column, down }: Order): number {
  // Rooms of which a figure is not known come last either way.
  const [x, y] = [figure(a, column), figure(b, column)]
  if (x === null || y === null) {
    if (x !== y) return x === null ? 1 : -1
  } else if (x !== y) {
    const ascending = typeof x === 'string' ? x.localeCompare(String(y), undefined, { numeric: true }) : x - Number(y)
    if (ascending !== 0) return down ? -ascending : ascending
  }
  // Of equal rooms those that are open stay where they are from second to second; the others go by when they were drawn on.
  if (!a.live !== !b.live) return a.live ? -1 : 1
  if (!a.live && a.changed !== b.changed) return (b.changed ?? 0) - (a.changed ?? 0)
  return a.name.localeCompare(b.name, undefined, { numeric: true })
}

function figure({ name, live, changed }: Row, column: Column): number | string | null {
  switch (column) {
    case 'name':
      return name
    case 'people':
      return live && live.people
    case 'moving':
      return live && live.moving
    case 'rate':
      return live && live.updates_per_second
    case 'bytes':
      return live && live.bytes
    case 'changed':
      return changed
    case 'node':
      return live && live.nodes.length
  }
}

/** A number of bytes in three digits. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let unit = 0
  let value = count
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${value.toFixed(digits)} ${units[unit]}`
}

/** How long ago something was, in a word or two. */
export function ago(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 3) return 'now'
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`
  return `${Math.floor(seconds / 86_400)} d ago`
}

export const rate = (perSecond: number): string => (perSecond === 0 ? '0' : perSecond < 10 ? perSecond.toFixed(1) : String(Math.round(perSecond)))

export const count = (number: number, one: string, many = `${one}s`): string => `${number} ${number === 1 ? one : many}`

/** A line through values, in a box of so much; flat at the bottom where nothing happened. */
export function spark(values: readonly number[], width: number, height: number): string {
  const most = Math.max(1, ...values)
  const step = width / (SECONDS - 1)
  const start = width - (values.length - 1) * step
  return values.map((value, at) => `${at ? 'L' : 'M'}${(start + at * step).toFixed(1)} ${(height - 1 - (value / most) * (height - 2)).toFixed(1)}`).join('')
}

/** The address of a page about a room. */
export const pageOf = (page: 'try' | 'join', room: string): string => `/${page}/${room.split('/').map(encodeURIComponent).join('/')}`
