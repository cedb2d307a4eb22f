// From here to the canvas. Where a token let somebody in here, the server gives them a link for this one room: a token stands in no address,
// and the canvas, which shows what others have drawn, is not told of it.

import { ask as askAs } from '../../try/src/net/ask'
import { html, icon } from '../../try/src/ui/dom'
import { askJson, roomPath, token } from './api'
import { claims } from './claims'
import { busy, ICONS } from './parts'
import { pageOf } from './rooms'

/** How long a link is good at most: for a day's work. */
const LINK_MS = 12 * 60 * 60_000
/** A link that ends sooner is not used again. */
const LEAST_MS = 60_000

interface Way {
  /** The room's name with the link behind it. */
  room: string
  until: number
}

/** Links that were made by this page, which are not kept anywhere. */
const ways = new Map<string, Way>()

/** Opens the canvas in a window of its own; `says`: where it is said what went wrong. */
export function drawOn(room: string, label: string, kind: 'primary' | 'plain', says: HTMLElement): HTMLElement {
  const link = html('a', { href: pageOf('try', room), target: '_blank', class: `push ${kind}` }, icon(ICONS.open), html('span', {}, label))
  if (token() === null) return link
  const button = html('button', { type: 'button', class: `push ${kind}` }, icon(ICONS.open), html('span', {}, label))
  button.addEventListener('click', () => {
    // Now: browsers block a new window that nobody's click opens.
    const opened = window.open('', '_blank')
    // It starts with a copy of what this window keeps, the token among it, and knows who opened it.
    opened?.sessionStorage.clear()
    if (opened) opened.opener = null
    void busy(button, says, async () => {
      if (!opened) throw new Error('This browser opened no window. Allow this page to')
      try {
        opened.location.replace(pageOf('try', await linkOf(room)))
      } catch (error) {
        opened.close()
        throw error
      }
    })
  })
  return button
}

/** The room's name with a link behind it that lets its holder draw. */
async function linkOf(room: string): Promise<string> {
  const known = ways.get(room)
  if (known && known.until > Date.now() + LEAST_MS && (await isGood(known))) return known.room
  const { name, ends } = claims(token() ?? '')
  const until = Math.min(Date.now() + LINK_MS, ends ?? Infinity)
  const invite = { role: 'editor', label: 'Drawing from the dashboard', max_uses: 1 }
  const { secret } = await askJson<{ secret: string }>(roomPath(room, '/invites'), { method: 'POST', body: invite })
  const join = { invite: secret, expires: new Date(until).toISOString(), ...(name ? { name } : {}) }
  const joined = await byNobody(roomPath(room, '/join'), { method: 'POST', body: join })
  const { link_room } = (await joined.json()) as { link_room: string }
  ways.set(room, { room: link_room, until })
  return link_room
}

/** A link may have been revoked since. */
async function isGood({ room }: Way): Promise<boolean> {
  const way = (await (await byNobody(roomPath(room, '/join'))).json()) as { role: string | null }
  return way.role === 'editor' || way.role === 'owner'
}

/** With neither token nor cookie: by what the question itself says. */
const byNobody = (path: string, asked: Parameters<typeof askAs>[1] = {}) => askAs(path, asked, { bearer: null })
