// Shows people to each other: this editor's cursor, selection and view go into the awareness field
// `presence` as one tldraw presence record, and the others' records come into the store, where
// tldraw draws them. Knows nothing of documents. Nothing here may stop the board: a presence that
// this version cannot read is left out.

import {
  createPresenceStateDerivation,
  InstancePresenceRecordType,
  react,
  type Signal,
  type TLInstancePresence,
  type TLStore,
  type TLUser,
} from 'tldraw'
import type { Awareness } from 'y-protocols/awareness'

/** Twenty positions a second look smooth: tldraw animates other people's cursors in between. */
const SEND_EVERY_MS = 50

/** Shares presence until the returned function is called. */
export function sharePresence(
  store: TLStore,
  awareness: Awareness,
  user: Signal<TLUser | null>
): () => void {
  // Others' records are named by their connection, whatever name they sent: it is what we are told
  // when they leave.
  const idOf = (client: number) => InstancePresenceRecordType.createId(String(client))

  const own = createPresenceStateDerivation(user, { instanceId: idOf(awareness.clientID) })(store)

  let timer: number | undefined
  function send() {
    timer = undefined
    awareness.setLocalStateField('presence', own.get())
  }
  const unwatch = react('share presence', () => {
    own.get()
    timer ??= window.setTimeout(send, SEND_EVERY_MS)
  })

  function show(clients: Iterable<number>) {
    const gone: TLInstancePresence['id'][] = []
    const here: TLInstancePresence[] = []
    for (const client of clients) {
      if (client === awareness.clientID) continue
      const presence = readPresence(awareness.getStates().get(client)?.presence, idOf(client))
      if (presence) here.push(presence)
      else gone.push(idOf(client))
    }
    store.mergeRemoteChanges(() => {
      store.remove(gone)
      store.put(here)
    })
  }
  type Changed = Record<'added' | 'updated' | 'removed', number[]>
  const onChange = ({ added, updated, removed }: Changed) =>
    show([...added, ...updated, ...removed])

  show(awareness.getStates().keys())
  awareness.on('change', onChange)
  return () => {
    unwatch()
    clearTimeout(timer)
    awareness.off('change', onChange)
  }
}

function readPresence(state: unknown, id: TLInstancePresence['id']) {
  if (!state || typeof state !== 'object') return null
  try {
    return InstancePresenceRecordType.validate({ ...state, id })
  } catch {
    return null
  }
}
