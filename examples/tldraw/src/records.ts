// Keeps a tldraw store and a Yjs document the same. The document records of the board stand in one
// Y.Array as `{ key, val }` entries (the rightmost entry of a key is its value, as y-utility's
// YKeyValue reads it), the version that they are written in stands in the Y.Map `meta`. Knows
// nothing of sockets or people.
//
// The rule not to break: whichever side an event comes from, the other is brought to the *present*
// state, never to the one that the event carries. The store reports changes a frame late, and
// what was true then may have been overwritten from elsewhere in the meantime.

import { isEqual, type SerializedSchema, type TLRecord, type TLStore } from 'tldraw'
import { YKeyValue } from 'y-utility/y-keyvalue'
import type * as Y from 'yjs'

type Id = TLRecord['id']

/**
 * Fills `store` from `doc`, and keeps the two alike until the returned function is called. Call it
 * only once the room has answered: an empty doc is given its first page here, and seeding before
 * that would add a page to a board that has one.
 *
 * Throws if the board cannot be read. If that happens later, because somebody wrote something that
 * this version does not know, it stops and tells `onBroken`: it must not write over such a board.
 */
export function bindRecords(
  store: TLStore,
  doc: Y.Doc,
  root: string,
  onBroken: (error: unknown) => void
): () => void {
  const entries = doc.getArray<{ key: string; val: TLRecord }>(root)
  const meta = doc.getMap<SerializedSchema>('meta')
  const records = new YKeyValue(entries)

  // Older pages keep camera, selection and the like in the room too; those are each user's own.
  const isDocument = (record: TLRecord) => store.scopedTypes.document.has(record.typeName)

  /** Brings the doc's entries for `ids` to what the store holds. */
  function write(ids: Iterable<Id>) {
    const changed = new Map<Id, TLRecord | undefined>()
    for (const id of ids) {
      const record = store.get(id)
      if (!isEqual(record, records.get(id))) changed.set(id, record)
    }
    if (changed.size === 0) return
    doc.transact(() => {
      // Not YKeyValue's own `delete`: it takes the leftmost entry of a key, and after a merge of
      // several writers that may be a stale one, so that the record would stay.
      const present = entries.toArray()
      for (let i = present.length - 1; i >= 0; i--) {
        if (changed.has(present[i].key as Id)) entries.delete(i)
      }
      entries.push([...changed].flatMap(([key, val]) => (val ? [{ key, val }] : [])))
    })
  }

  /** Replaces what the store holds by what the doc holds, in this version's shape. */
  function read() {
    const ours = store.schema.serialize()
    const theirs = meta.get('schema')
    const found = Object.fromEntries(
      [...records.map]
        .filter(([key, { val }]) => val?.id === key && isDocument(val))
        .map(([key, { val }]) => [key, val])
    ) as Record<Id, TLRecord>
    // A room without a schema was written by a page that keeps none; take it to be current. The
    // store checks every record, so a wrong guess ends in an error, not in a damaged board.
    const migrated = store.schema.migrateStoreSnapshot({ store: found, schema: theirs ?? ours })
    if (migrated.type === 'error') throw new Error(`cannot read this board: ${migrated.reason}`)

    // Merging also adds what a board cannot do without. In a new room that is the document and the
    // first page. Their ids are the same everywhere, so two who come first write one page.
    store.mergeRemoteChanges(() => {
      store.clear()
      store.put(Object.values(migrated.value))
    })
    doc.transact(() => {
      if (!isEqual(theirs, ours)) meta.set('schema', ours)
      const kept = store.allRecords().filter(isDocument)
      write(new Set([...(Object.keys(found) as Id[]), ...kept.map((record) => record.id)]))
    })
  }

  type Changes = Map<string, { action: 'add' | 'update' | 'delete' }>

  const onRecords = (changes: Changes, transaction: Y.Transaction) =>
    whileWhole(() => {
      if (transaction.local) return
      store.mergeRemoteChanges(() => {
        for (const key of changes.keys()) {
          const theirs = records.get(key)
          const ours = store.get(key as Id)
          if (theirs?.id === key && isDocument(theirs)) store.put([theirs])
          else if (!theirs && ours && isDocument(ours)) store.remove([ours.id])
        }
      })
    })

  const onSchema = (_: unknown, transaction: Y.Transaction) =>
    whileWhole(() => {
      const theirs = meta.get('schema')
      if (transaction.local || !theirs) return
      const known = store.schema.getMigrationsSince(theirs)
      if (!known.ok) throw new Error(`this board was opened by a newer tldraw: ${known.error}`)
    })

  let stopped = false
  let unlisten = () => {}
  function stop() {
    stopped = true
    unlisten()
    meta.unobserve(onSchema)
  }
  function whileWhole(apply: () => void) {
    if (stopped) return
    try {
      apply()
    } catch (error) {
      stop()
      onBroken(error)
    }
  }

  read()
  records.on('change', onRecords)
  meta.observe(onSchema)
  unlisten = store.listen(
    ({ changes: { added, updated, removed } }) =>
      write([added, updated, removed].flatMap((part) => Object.keys(part) as Id[])),
    { source: 'user', scope: 'document' }
  )
  return stop
}
