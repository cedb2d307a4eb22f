// A text that people write together: stock CodeMirror on a plain y-websocket provider. Nothing here knows that the server is Scrible.

import { keymap } from '@codemirror/view'
import { basicSetup, EditorView } from 'codemirror'
import { yCollab, yUndoManagerKeymap } from 'y-codemirror.next'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

const doc = new Y.Doc()

// Where and who, from the address: ?room=plans&server=ws://localhost:3001&name=Ada&color=%23e16919
const asked = new URLSearchParams(location.search)
const server = asked.get('server') ?? 'ws://localhost:3001'
const place = asked.get('room') || decodeURIComponent(location.hash.slice(1)) || 'codemirror-example'
const room = place.split('/').map(encodeURIComponent).join('/')
const name = asked.get('name') ?? `Guest ${doc.clientID % 100}`
const color = asked.get('color') ?? ['#c2410c', '#1d4ed8', '#15803d', '#9333ea'][doc.clientID % 4]

const provider = new WebsocketProvider(server, room, doc)
provider.awareness.setLocalStateField('user', { name, color })
const text = doc.getText('codemirror')

// Before basicSetup, whose undo would take back what others wrote.
const undo = keymap.of(yUndoManagerKeymap)
const extensions = [undo, basicSetup, yCollab(text, provider.awareness)]
new EditorView({ doc: text.toString(), extensions, parent: document.querySelector('main') })

// Shown in the corner by the page's style.
provider.on('status', ({ status }) => (document.body.dataset.link = status))
provider.on('closed', () => (document.body.dataset.link = 'refused'))
