// One light that says whether all that was drawn is stored, and a strip that appears when something is in the way.

import type { Editor } from '../edit/editor'
import type { Connection, State } from '../net/connection'
import { html } from './dom'

/** What the light shows. */
export type Light = 'connecting' | 'saved' | 'saving' | 'offline' | 'refused' | 'looking'

export function lightOf({ line, unsaved, readOnly, arrived }: State, otherVersion: boolean): Light {
  if (line === 'refused') return 'refused'
  if (line === 'broken') return arrived ? 'offline' : 'connecting'
  if (line === 'connecting') return arrived ? 'offline' : 'connecting'
  if (readOnly || otherVersion) return 'looking'
  return unsaved ? 'saving' : 'saved'
}

const WORDS: { [light in Light]: string } = {
  connecting: 'Connecting…',
  saved: 'Saved',
  saving: 'Saving…',
  offline: 'Offline',
  refused: 'Not connected',
  looking: 'View only',
}

const MEANING: { [light in Light]: string } = {
  connecting: 'Waiting for the server.',
  saved: 'Everything on this board is on the server’s disk.',
  saving: 'On its way to the server’s disk.',
  offline: 'No connection. You can go on drawing; it is sent when the connection is back.',
  refused: 'The server does not let this page into the board.',
  looking: 'You may look at this board, not change it.',
}

export function status(connection: Connection, editor: Editor, room: string): { light: HTMLElement; notice: HTMLElement } {
  const words = html('span', { class: 'words' })
  const light = html('div', { class: 'light', role: 'status' }, html('span', { class: 'dot', 'aria-hidden': 'true' }), words)
  const notice = html('div', { class: 'notice', role: 'alert', hidden: true })
  let said = ''

  const show = () => {
    const { state } = connection
    const other = editor.board.version === 'other'
    const now = lightOf(state, other)
    light.dataset.light = now
    const text = WORDS[now]
    if (words.textContent !== text) words.textContent = text
    light.title = MEANING[now]
    const content = sentence(state, now, other)
    if (content === said) return
    said = content
    notice.hidden = !content
    notice.replaceChildren(content)
    if (now === 'refused') notice.append(' ', html('a', { href: joinAddress(room) }, 'Ask to come in'), ' ', again(connection))
    else if (now === 'offline' || now === 'connecting') notice.append(' ', again(connection))
  }
  connection.watch(show)
  editor.watch(show)
  return { light, notice }
}

const joinAddress = (room: string) => `/join/${room.split('/').map(encodeURIComponent).join('/')}`

function again(connection: Connection): HTMLElement {
  const made = html('button', { type: 'button' }, 'Try now')
  made.addEventListener('click', () => connection.retry())
  return made
}

function sentence({ line, unsaved, reason, readOnly }: State, light: Light, otherVersion: boolean): string {
  switch (light) {
    case 'connecting':
      // A browser does not say which of the two it is.
      return line === 'broken' ? 'The server does not answer, or takes no pages of this address (its operator names it in SCRIBLE_PUBLIC_URL).' : ''
    case 'offline':
      return unsaved ? 'Reconnecting… What you changed is kept here and sent then.' : 'Reconnecting…'
    case 'refused':
      return `The server says: ${reason || 'you have no access to this board'}.`
    case 'looking':
      if (otherVersion) return 'This board was drawn by another version of tldraw. It is shown as well as it can be, and left as it is.'
      return readOnly && unsaved ? 'You may only look at this board: what you just drew is not kept.' : ''
    default:
      return ''
  }
}
