// Yjs as the judge: what the Rust test made of a session must mean to Yjs what the session came to.

import * as Y from 'yjs'
import { Reader } from './bytes.mjs'
import { contentWithHooks } from './content.mjs'

const docOf = (updates, failure, seed) => {
  const doc = new Y.Doc()
  updates.forEach((update, at) => {
    Y.applyUpdate(doc, update)
    if (doc.store.pendingStructs || doc.store.pendingDs) failure(`update ${at} waits for something`)
  })
  return doc
}

const equal = (a, b) => a.length === b.length && a.every((byte, at) => byte === b[at])

// An update as text: Yjs drops the bit for map keys where the key is not written, so bytes may differ.
const spelled = update => {
  const { structs, ds } = Y.decodeUpdate(update)
  const items = structs.map(struct => [
    struct.constructor.name, struct.id, struct.length, struct.origin, struct.rightOrigin,
    struct.origin || struct.rightOrigin ? null : [struct.parent, struct.parentSub],
    struct.content instanceof Y.ContentType ? [struct.content.type.constructor.name, struct.content.type.nodeName] : struct.content
  ])
  const plain = (_, value) => {
    if (typeof value === 'bigint') return `${value}n`
    return value instanceof Y.Doc ? value.guid : value
  }
  return JSON.stringify([items, [...ds.clients]], plain)
}

// Returns the number of failures.
export const check = bytes => {
  const reader = new Reader(bytes)
  const sessions = reader.number()
  let failures = 0
  const seen = { sessions, entries: 0, merges: 0, parts: 0, diffs: 0, cuts: 0 }
  for (let i = 0; i < sessions; i++) {
    const seed = reader.number()
    const failure = text => {
      failures++
      console.error(`seed ${seed}: ${text}`)
    }
    const final = docOf([reader.blob()], failure)
    const wanted = contentWithHooks(final)
    const vector = Y.encodeStateVector(final)
    const judge = (what, doc) => {
      if (contentWithHooks(doc) !== wanted) failure(`${what}: content differs`)
      if (!equal(Y.encodeStateVector(doc), vector)) failure(`${what}: state vector differs`)
    }

    const entries = reader.list(() => reader.blob())
    seen.entries += entries.length
    judge('entries in order', docOf(entries, failure))

    // Whole merges: of the log, and of a base and the rest of the log.
    for (const merged of reader.list(() => reader.blob())) {
      seen.merges++
      judge('merged', docOf([merged], failure))
    }
    // Parts of the merge, one after the other.
    const parts = reader.list(() => reader.blob())
    seen.parts += parts.length
    judge('split', docOf(parts, failure))
    // What somebody has, and what was made for them.
    for (const [had, diff] of reader.list(() => [reader.blob(), reader.blob()])) {
      seen.diffs++
      judge('diff', docOf([had, diff], failure))
    }
    // Arbitrary cuts, which Yjs makes the same way: [merged, state vector, diff].
    for (const [merged, have, diff] of reader.list(() => [reader.blob(), reader.blob(), reader.blob()])) {
      seen.cuts++
      if (spelled(Y.diffUpdate(merged, have)) !== spelled(diff)) failure('a cut differs from the one that Yjs makes')
    }
  }
  console.log(JSON.stringify(seen), `${failures} failures`)
  return failures
}
