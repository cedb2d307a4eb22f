// A drawing that people make together: stock Excalidraw on a plain y-websocket provider. Nothing here knows that the server is Scrible.

import { Excalidraw } from '@excalidraw/excalidraw'
import '@excalidraw/excalidraw/index.css'
import { useEffect, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { ExcalidrawBinding, yjsToExcalidraw } from 'y-excalidraw'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

const doc = new Y.Doc()

// Where and who, from the address: ?room=plans&server=ws://localhost:3001&name=Ada
const asked = new URLSearchParams(location.search)
const server = asked.get('server') ?? 'ws://localhost:3001'
const place = asked.get('room') || decodeURIComponent(location.hash.slice(1)) || 'excalidraw-example'
const room = place.split('/').map(encodeURIComponent).join('/')
const name = asked.get('name') ?? `Guest ${doc.clientID % 100}`

const provider = new WebsocketProvider(server, room, doc)
provider.awareness.setLocalStateField('user', { name })
const elements = doc.getArray('elements')
const assets = doc.getMap('assets')
const root = document.querySelector('main')
const undo = { excalidrawDom: root, undoManager: new Y.UndoManager(elements) }

function Board() {
  const [api, setApi] = useState(null)
  const [binding, bind] = useState(null)
  // Not before the editor is on the page, where the binding looks for its buttons.
  useEffect(() => bind(api && new ExcalidrawBinding(elements, assets, api, provider.awareness, undo)), [api])
  useEffect(() => () => binding?.destroy(), [binding])
  return (
    <Excalidraw
      autoFocus
      excalidrawAPI={setApi}
      // A function, which Excalidraw calls as late as it can: what it would find missing in the scene, the binding would delete for everybody.
      initialData={() => ({ elements: yjsToExcalidraw(elements) })}
      onPointerUpdate={binding?.onPointerUpdate}
    />
  )
}

// Not before the room has answered: who draws on an empty board that has shapes gives the first the place of theirs.
provider.once('sync', () => createRoot(root).render(<Board />))

// Shown in the corner by the page's style.
provider.on('status', ({ status }) => (document.body.dataset.link = status))
provider.on('closed', () => (document.body.dataset.link = 'refused'))
