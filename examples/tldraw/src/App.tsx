// The page: stock tldraw on a store that lives in a room, and a badge that says how the connection
// is.

import { getAssetUrlsByImport } from '@tldraw/assets/imports.vite'
import {
  atom,
  computed,
  createUserId,
  Tldraw,
  UserRecordType,
  useTldrawCurrentUser,
  type Editor,
  type TLUserPreferences,
} from 'tldraw'
import 'tldraw/tldraw.css'
import { me, room, server } from './place'
import { useYjsStore, type Link } from './useYjsStore'

declare global {
  interface Window {
    /** For the browser tests and the console; an application has no need of it. */
    editor?: Editor
  }
}

const assetUrls = getAssetUrlsByImport()
const preferences = atom<TLUserPreferences>('preferences', { ...me })
const setPreferences = (next: TLUserPreferences) => void preferences.set(next)

/** The same person as the board names its authors. */
const author = computed('author', () => {
  const { id, name, color } = preferences.get()
  return UserRecordType.create({ id: createUserId(id), name: name ?? '', color: color ?? '' })
})

export function App() {
  const user = useTldrawCurrentUser({
    userPreferences: preferences,
    setUserPreferences: setPreferences,
  })
  const { store, link } = useYjsStore(server, room, author)
  if (store.status === 'error') {
    // tldraw's own screen would offer to reset data, which is no cure for a shared board.
    return (
      <p className="problem" role="alert">
        This board cannot be shown, and nothing in it was changed: {store.error.message}
      </p>
    )
  }
  return (
    <div className="board">
      <Tldraw
        store={store}
        user={user}
        assetUrls={assetUrls}
        onMount={(editor) => {
          window.editor = editor
        }}
      />
      <Badge link={link} />
    </div>
  )
}

const words: Record<Link, string> = {
  connecting: 'connecting…',
  synced: 'synced',
  offline: 'offline, keeps trying',
  refused: 'refused by the server',
}

function Badge({ link }: { link: Link }) {
  return (
    <div className="badge" data-link={link} role="status" title={`${room} on ${server}`}>
      {words[link]}
    </div>
  )
}
