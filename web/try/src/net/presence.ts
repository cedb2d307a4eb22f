// Who is here: this person's name, cursor and selection go into the awareness field `presence` as tldraw's presence record, and the
// others' are read from theirs. So people here and in tldraw see each other. Believes nothing that others sent.

import type { Awareness } from 'y-protocols/awareness'
import type { Box, Point } from '../geometry/vec'
import { keep, recall, recallObject } from '../kept'

export interface Me {
  id: string
  name: string
  color: string
}

/** What of it this person has said; the rest was drawn by lot. */
type Chosen = Partial<Pick<Me, 'name' | 'color'>>

/** What of this person others see, in coordinates of the page. */
export interface Whereabouts {
  page: string
  cursor: Point | null
  selected: string[]
  camera: { x: number; y: number; z: number }
  screen: Box
}

export interface Other {
  /** Of the connection; a person with two windows is here twice. */
  client: number
  userId: string
  name: string
  color: string
  page: string
  cursor: Point | null
  selected: string[]
}

const SEND_EVERY_MS = 40
const MAX_NAME = 40
/** Selected shapes that are told and outlined; they are told with every movement. */
export const MAX_SELECTED = 100
const COLORS = ['#e16919', '#4465e9', '#099268', '#ae3ec9', '#e03131', '#1d8bc4', '#c2790a', '#d6336c']

export class Presence {
  #awareness: Awareness
  #me: Me
  #chosen: Chosen
  #at: Whereabouts | null = null
  #known = ''
  #timer: number | undefined

  constructor(awareness: Awareness, changed: () => void) {
    this.#awareness = awareness
    this.#chosen = remembered()
    this.#me = somebody(this.#chosen)
    awareness.on('change', () => {
      this.#differ()
      changed()
    })
  }

  get me(): Readonly<Me> {
    return this.#me
  }

  rename(change: Chosen): void {
    this.#me = { ...this.#me, ...change }
    this.#chosen = { ...this.#chosen, ...change }
    keep('me', JSON.stringify(this.#chosen))
    this.#sendSoon()
  }

  /** Sends it when it is news; that something else on the page has changed is none. */
  show(at: Whereabouts): void {
    const known = JSON.stringify(at)
    if (known === this.#known) return
    this.#known = known
    this.#at = at
    this.#sendSoon()
  }

  /** The others, in the order in which they came; always the same for the same people. */
  get others(): Other[] {
    return [...this.#awareness.getStates()]
      .filter(([client]) => client !== this.#awareness.clientID)
      .flatMap(([client, state]) => read(client, state.presence) ?? [])
      .sort((a, b) => a.client - b.client)
  }

  /** What was drawn by lot becomes something that nobody here has. Of two, the one with the higher number gives way. */
  #differ() {
    const before = this.others.filter(({ client }) => client < this.#awareness.clientID)
    const free = <T>(mine: T, choices: readonly T[], taken: readonly unknown[]) => {
      const rest = choices.filter((choice) => !taken.includes(choice))
      return taken.includes(mine) && rest.length ? any(rest) : mine
    }
    const name = this.#chosen.name ?? free(this.#me.name, NAMES, before.map((other) => other.name))
    const color = this.#chosen.color ?? free(this.#me.color, COLORS, before.map((other) => other.color))
    if (name === this.#me.name && color === this.#me.color) return
    this.#me = { ...this.#me, name, color }
    draw(this.#me)
    this.#sendSoon()
  }

  #sendSoon() {
    this.#timer ??= window.setTimeout(() => this.#send(), SEND_EVERY_MS)
  }

  #send() {
    this.#timer = undefined
    if (!this.#at) return
    const { page, cursor, selected, camera, screen } = this.#at
    const { id, name, color } = this.#me
    this.#awareness.setLocalStateField('presence', {
      id: `instance_presence:${this.#awareness.clientID}`,
      typeName: 'instance_presence',
      userId: `user:${id}`,
      userName: name,
      color,
      currentPageId: page,
      cursor: cursor && { ...cursor, type: 'default', rotation: 0 },
      camera,
      screenBounds: screen,
      selectedShapeIds: selected,
      brush: null,
      scribbles: [],
      followingUserId: null,
      chatMessage: '',
      lastActivityTimestamp: Date.now(),
      meta: {},
    })
  }
}

export const initials = (name: string): string =>
  name
    .split(/\s+/)
    .flatMap((word) => [...word].slice(0, 1))
    .slice(0, 2)
    .join('')
    .toUpperCase() || '?'

/** What can be read on a colour: white, or where that has too little contrast (4.5 to 1) something dark. */
export function inkOn(color: string): string {
  const linear = (at: number) => {
    const part = parseInt(color.slice(at, at + 2), 16) / 255
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  }
  const luminance = 0.2126 * linear(1) + 0.7152 * linear(3) + 0.0722 * linear(5)
  return 1.05 / (luminance + 0.05) >= 4.5 ? '#ffffff' : '#14161f'
}

export const colors = (): readonly string[] => COLORS

function read(client: number, presence: unknown): Other | null {
  if (typeof presence !== 'object' || presence === null) return null
  const { userId, userName, color, currentPageId, cursor, selectedShapeIds } = presence as Record<string, unknown>
  const { x, y } = (cursor ?? {}) as Record<string, unknown>
  const text = (value: unknown, otherwise: string) => (typeof value === 'string' && value ? value : otherwise)
  return {
    client,
    userId: text(userId, String(client)),
    name: text(userName, 'Someone').slice(0, MAX_NAME),
    // Anything else could be more than a colour where it is put to use.
    color: /^#[0-9a-f]{6}$/i.test(text(color, '')) ? (color as string) : COLORS[client % COLORS.length]!,
    page: text(currentPageId, ''),
    cursor: Number.isFinite(x) && Number.isFinite(y) ? { x: x as number, y: y as number } : null,
    selected: Array.isArray(selectedShapeIds)
      ? selectedShapeIds.filter((id): id is string => typeof id === 'string').slice(0, MAX_SELECTED)
      : [],
  }
}

const NAMES = ['Heron', 'Otter', 'Lynx', 'Wren', 'Marten', 'Ibex', 'Stoat', 'Plover', 'Finch', 'Badger']
const any = <T>(choices: readonly T[]): T => choices[Math.floor(Math.random() * choices.length)]!

/** What was chosen is the browser's; a name was perhaps given to the page that lets people in. */
function remembered(): Chosen {
  const kept = recallObject('me')
  const name = typeof kept.name === 'string' && kept.name ? kept.name : recall('name')
  const color = COLORS.find((known) => known === kept.color)
  return { ...(name ? { name: name.slice(0, MAX_NAME) } : {}), ...(color ? { color } : {}) }
}

/** The id, and what is drawn by lot, are the window's, so that two windows on one screen show each other as two people. */
function somebody(chosen: Chosen): Me {
  const lot = recallObject('lot', 'window')
  const id = recall('id', 'window') ?? crypto.getRandomValues(new Uint32Array(2)).join('-')
  keep('id', id, 'window')
  const me = {
    id,
    name: chosen.name ?? NAMES.find((known) => known === lot.name) ?? any(NAMES),
    color: chosen.color ?? COLORS.find((known) => known === lot.color) ?? any(COLORS),
  }
  draw(me)
  return me
}

const draw = ({ name, color }: Me) => keep('lot', JSON.stringify({ name, color }), 'window')
