// What a developer writes to put an editor into a room, for each editor.

import { html } from '../../try/src/ui/dom'
import { copyable } from './parts'
import { snippets } from './snippets'
import { tabs } from './tabs'

export function code(room: string): HTMLElement {
  const server = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}`
  const all = snippets(server, room).map(({ editor, install, code }) => ({
    label: editor,
    fill: () => html('div', { class: 'snippet' }, copyable(`how to install ${editor}`, install), copyable(`the code for ${editor}`, code, 'pre')),
  }))
  return tabs('Editors', all, 'small')
}
