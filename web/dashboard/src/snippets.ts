// A few lines for each editor, with the address of this server and a room in them. The examples of the repository hold the same, whole.

export interface Snippet {
  editor: string
  install: string
  code: string
}

/** `server` is the address of the socket, `room` the name as people know it. */
export function snippets(server: string, room: string): Snippet[] {
  // The provider pastes the name into the address as it is.
  const path = room.split('/').map(encodeURIComponent).join('/')
  const [url, name] = [quoted(server), quoted(path)]
  return [
    {
      editor: 'tldraw',
      install: 'npm i tldraw y-utility yjs y-websocket',
      code: `import { atom, createUserId, Tldraw, UserRecordType } from 'tldraw'
import 'tldraw/tldraw.css'
// This file and those that it imports are in examples/tldraw/src.
import { useYjsStore } from './useYjsStore'

const me = UserRecordType.create({ id: createUserId('ada'), name: 'Ada', color: '#4465e9' })
const user = atom('me', me)

export default function Board() {
  const { store } = useYjsStore(${url}, ${quoted(room)}, user)
  return <div style={{ position: 'fixed', inset: 0 }}><Tldraw store={store} /></div>
}`,
    },
    {
      editor: 'Excalidraw',
      // y-excalidraw asks for an older Excalidraw: without the override this npm i fails, or every later one does.
      install:
        "npm pkg set 'overrides[y-excalidraw][@excalidraw/excalidraw]=0.18.1' && npm i @excalidraw/excalidraw@0.18.1 y-excalidraw react@18 react-dom@18 yjs y-websocket",
      code: `import { Excalidraw } from '@excalidraw/excalidraw'
import '@excalidraw/excalidraw/index.css'
import { useEffect, useState } from 'react'
import { ExcalidrawBinding, yjsToExcalidraw } from 'y-excalidraw'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

const provider = new WebsocketProvider(${url}, ${name}, new Y.Doc())
const elements = provider.doc.getArray('elements')
const undo = { excalidrawDom: document.body, undoManager: new Y.UndoManager(elements) }

// Render it once the room has answered: provider.once('sync', …)
export default function Board() {
  const [api, setApi] = useState(null)
  const [binding, bind] = useState(null)
  useEffect(() => bind(api && new ExcalidrawBinding(elements, provider.doc.getMap('assets'), api, provider.awareness, undo)), [api])
  useEffect(() => () => binding?.destroy(), [binding])
  return <Excalidraw excalidrawAPI={setApi} onPointerUpdate={binding?.onPointerUpdate} initialData={() => ({ elements: yjsToExcalidraw(elements) })} />
}`,
    },
    {
      editor: 'Tiptap',
      install: 'npm i @tiptap/core @tiptap/starter-kit @tiptap/extension-collaboration yjs y-websocket',
      code: `import { Editor } from '@tiptap/core'
import Collaboration from '@tiptap/extension-collaboration'
import StarterKit from '@tiptap/starter-kit'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

const doc = new Y.Doc()
const provider = new WebsocketProvider(${url}, ${name}, doc)

new Editor({
  element: document.querySelector('main'),
  // Undo comes with Collaboration: one's own edits only.
  extensions: [StarterKit.configure({ undoRedo: false }), Collaboration.configure({ document: doc })],
})`,
    },
    {
      editor: 'Any Yjs app',
      install: 'npm i yjs y-websocket',
      code: `import * as Y from 'yjs'
import { WebsocketProvider } from 'y-websocket'

const doc = new Y.Doc()
const provider = new WebsocketProvider(${url}, ${name}, doc)
const shared = doc.getMap('shared')

shared.observe(() => console.log(shared.toJSON())) // in every window
provider.once('sync', () => shared.set('last visit', new Date().toISOString()))`,
    },
  ]
}

/** As it stands in a program between single quotes. */
const quoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&').replace(/[\u0000-\u001f\u2028\u2029]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)}'`
