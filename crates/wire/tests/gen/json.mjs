// What Yjs' toJSON says of the sessions in a fixture: `node json.mjs FILE > ../../../../tests/data/docs/sessions.jsonl`
//
// One line a session, with its seed. Bytes are written as base64 text, BigInts as numbers and sub-documents by their guid,
// because JSON has no words for them; empty roots and the root of hooks are left out. Knows nothing of Scrible.

import { readFileSync } from 'node:fs'
import * as Y from 'yjs'
import { ROOTS } from './content.mjs'

const bytes = readFileSync(process.argv[2])
let at = 0

const number = () => {
  for (let value = 0, factor = 1; ; factor *= 128) {
    const byte = bytes[at++]
    value += (byte & 127) * factor
    if (byte < 128) return value
  }
}

const blob = () => {
  const length = number()
  at += length
  return bytes.subarray(at - length, at)
}

const list = read => Array.from({ length: number() }, read)

const plain = value => {
  if (value instanceof Y.Doc) return { guid: value.guid }
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (typeof value === 'bigint') return Number(value)
  if (Array.isArray(value)) return value.map(plain)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}

const shows = type => type instanceof Y.Map ? type.size > 0 : type.toJSON().length > 0 || type.length > 0

for (const [seed, flags, state] of list(() => {
  const [seed, flags] = [number(), number()]
  list(() => [number(), blob(), number()])
  list(blob)
  const state = blob()
  blob()
  return [seed, flags, state]
})) {
  if (flags & 4) continue
  const doc = new Y.Doc()
  const roots = Object.entries(ROOTS).map(([name, type]) => [name, doc.get(name, type)])
  Y.applyUpdate(doc, state)
  const json = Object.fromEntries(roots.filter(([, type]) => shows(type)).map(([name, type]) => [name, plain(type.toJSON())]))
  console.log(JSON.stringify({ seed, json }))
}
