// A tldraw store that lives in a room: opens the connection, and hands out the store once the room
// has answered. The connection is a stock y-websocket provider; nothing in it is special to the
// server behind.

import { useEffect, useState } from 'react'
import {
  createTLStore,
  defaultAssetUtils,
  defaultBindingUtils,
  defaultShapeUtils,
  type Signal,
  type TLStoreWithStatus,
  type TLUser,
} from 'tldraw'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { assetsOf } from './assets'
import { sharePresence } from './presence'
import { bindRecords } from './records'

/** `offline` retries by itself; `refused` does not. */
export type Link = 'connecting' | 'synced' | 'offline' | 'refused'

export function useYjsStore(
  server: string,
  room: string,
  user: Signal<TLUser | null>
): { store: TLStoreWithStatus; link: Link } {
  const [store, setStore] = useState<TLStoreWithStatus>({ status: 'loading' })
  const [link, setLink] = useState<Link>('connecting')

  useEffect(() => {
    const doc = new Y.Doc()
    // The provider pastes the name into the address as it is.
    const path = room.split('/').map(encodeURIComponent).join('/')
    const provider = new WebsocketProvider(server, path, doc)
    const board = createTLStore({
      shapeUtils: defaultShapeUtils,
      bindingUtils: defaultBindingUtils,
      assetUtils: defaultAssetUtils,
      users: { currentUser: user },
      assets: assetsOf(server, room),
    })
    const ends: (() => void)[] = []

    const end = () => ends.splice(0).forEach((stop) => stop())

    function fail(problem: unknown) {
      end()
      provider.disconnect()
      const error = problem instanceof Error ? problem : new Error(String(problem))
      setStore({ status: 'error', error })
    }

    function open() {
      try {
        ends.push(bindRecords(board, doc, boardOf(doc), fail))
        ends.push(sharePresence(board, provider.awareness, user))
        setStore({ status: 'synced-remote', connectionStatus: 'online', store: board })
      } catch (error) {
        fail(error)
      }
    }

    function moved(to: Link) {
      setLink(to)
      // Drawing goes on without the server: the doc keeps what it missed and sends it on return.
      const connectionStatus: 'online' | 'offline' = to === 'synced' ? 'online' : 'offline'
      setStore((now) => (now.status === 'synced-remote' ? { ...now, connectionStatus } : now))
    }

    let opened = false
    provider.on('sync', (synced) => {
      if (!synced) return
      if (!opened) {
        opened = true
        open()
      }
      moved('synced')
    })
    provider.on('status', ({ status }) => {
      if (status === 'connected') moved('connecting')
      if (status === 'disconnected') moved('offline')
    })
    provider.on('connection-error', () => moved('offline'))
    provider.on('closed', () => moved('refused'))

    return () => {
      end()
      provider.destroy()
      doc.destroy()
      setStore({ status: 'loading' })
      setLink('connecting')
    }
  }, [server, room, user])

  return { store, link }
}

/**
 * The array that the board is in. Not simply named after the room: a room may have been copied, and the
 * name that a page was given may have something behind it that is for this person alone and must not
 * get into the document.
 */
function boardOf(doc: Y.Doc): string {
  const boards = [...doc.share.keys()].filter((root) => root.startsWith('tl_'))
  return boards.sort()[0] ?? 'tl_board'
}
