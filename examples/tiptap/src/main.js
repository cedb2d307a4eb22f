// A document that people write together: stock Tiptap on a plain y-websocket provider. Nothing here knows that the server is Scrible.

import { Editor } from '@tiptap/core'
import Collaboration from '@tiptap/extension-collaboration'
import CollaborationCaret from '@tiptap/extension-collaboration-caret'
import StarterKit from '@tiptap/starter-kit'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

const doc = new Y.Doc()

// Where and who, from the address: ?room=plans&server=ws://localhost:3001&name=Ada&color=%23e16919
const asked = new URLSearchParams(location.search)
const server = asked.get('server') ?? 'ws://localhost:3001'
const place = asked.get('room') || decodeURIComponent(location.hash.slice(1)) || 'tiptap-example'
const room = place.split('/').map(encodeURIComponent).join('/')
const name = asked.get('name') ?? `Guest ${doc.clientID % 100}`
const color = asked.get('color') ?? ['#c2410c', '#1d4ed8', '#15803d', '#9333ea'][doc.clientID % 4]

const provider = new WebsocketProvider(server, room, doc)
const shared = Collaboration.configure({ document: doc })
const carets = CollaborationCaret.configure({ provider, user: { name, color } })
// Not the kit's undo, which would take back what others wrote: Collaboration brings its own.
const kit = StarterKit.configure({ undoRedo: false })
new Editor({ element: document.querySelector('main'), extensions: [kit, shared, carets] })

// Shown in the corner by the page's style.
provider.on('status', ({ status }) => (document.body.dataset.link = status))
provider.on('closed', () => (document.body.dataset.link = 'refused'))
