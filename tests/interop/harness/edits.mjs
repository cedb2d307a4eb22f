// Random edits by a person at a Yjs editor, and what a doc shows in the end as plain JSON.
//
// Maps, arrays, text with embeds, nested types, XML, sub-documents, bytes, deletions, undo and redo. Left out are rich-text
// marks, whose clean-up by each Yjs client depends on how updates were batched, and BigInt. The one rule: an edit changes the doc in
// one transaction whose origin is its author, which is what undo goes by.

import * as Y from 'yjs'

const WORDS = ['a', 'bc', 'stroke', 'zażółć', '木', '😀', 'x😀y', '\n', 'e\u0301', '👩‍👩‍👧']
const KEYS = ['k0', 'k1', 'k2', 'k3', 'k4', 'k5']
/** Above this many entries an array or text is edited by deleting, so that docs of long runs stay small. */
const LONG = 60

/** The doc's root types. */
export function roots (doc) {
  return { map: doc.getMap('map'), list: doc.getArray('list'), text: doc.getText('text'), xml: doc.getXmlFragment('xml') }
}

/** An undo manager for one author's edits. */
export function undoManager (doc, author) {
  return new Y.UndoManager(Object.values(roots(doc)), { trackedOrigins: new Set([author]), captureTimeout: 0 })
}

/** Makes one random edit. */
export function edit (random, doc, author, undo) {
  const choice = random.below(100)
  if (choice < 6) return void undo.undo()
  if (choice < 9) return void undo.redo()
  doc.transact(() => {
    for (let more = true; more; more = random.chance(0.2)) {
      change(random, random.pick(reachable(doc)))
    }
  }, author)
}

/** All types that an edit may go to, nested ones too. */
function reachable (doc) {
  const found = Object.values(roots(doc))
  for (const type of found) {
    const children = type instanceof Y.Map ? [...type.values()] : type instanceof Y.Text ? [] : type.toArray()
    found.push(...children.filter(child => child instanceof Y.AbstractType))
  }
  return found
}

function change (random, type) {
  // Subclasses first: an XML text is a text, an XML element is a fragment.
  if (type instanceof Y.XmlText || type instanceof Y.Text) changeText(random, type)
  else if (type instanceof Y.XmlFragment) changeXml(random, type)
  else if (type instanceof Y.Map) changeMap(random, type)
  else changeArray(random, type)
}

function changeMap (random, map) {
  const key = random.pick(KEYS)
  if (random.chance(0.25)) map.delete(key)
  else map.set(key, value(random))
}

function changeArray (random, array) {
  if (array.length > 0 && random.chance(array.length > LONG ? 0.9 : 0.35)) {
    const at = random.below(array.length)
    array.delete(at, 1 + random.below(Math.min(4, array.length - at)))
  } else {
    array.insert(random.below(array.length + 1), Array.from({ length: 1 + random.below(3) }, () => value(random)))
  }
}

function changeText (random, text) {
  const places = boundaries(text)
  const at = random.below(places.length)
  if (at < places.length - 1 && random.chance(places.length > LONG ? 0.9 : 0.35)) {
    const end = Math.min(at + 1 + random.below(4), places.length - 1)
    text.delete(places[at], places[end] - places[at])
  } else if (random.chance(0.1)) {
    text.insertEmbed(places[at], { embed: random.below(100) })
  } else {
    text.insert(places[at], random.pick(WORDS))
  }
}

/** Where an editor's caret can stand: never inside a surrogate pair. */
function boundaries (text) {
  const places = [0]
  for (const { insert } of text.toDelta()) {
    const units = typeof insert === 'string' ? [...insert].map(character => character.length) : [1]
    for (const length of units) places.push(places.at(-1) + length)
  }
  return places
}

function changeXml (random, parent) {
  if (parent instanceof Y.XmlElement && random.chance(0.3)) {
    const key = random.pick(KEYS)
    return random.chance(0.3) ? parent.removeAttribute(key) : parent.setAttribute(key, random.pick(WORDS))
  }
  if (parent.length > 0 && random.chance(parent.length > LONG ? 0.9 : 0.3)) {
    parent.delete(random.below(parent.length), 1)
  } else {
    const child = random.chance(0.5) ? new Y.XmlElement(random.pick(['p', 'rect', 'g'])) : new Y.XmlText(random.pick(WORDS))
    parent.insert(random.below(parent.length + 1), [child])
  }
}

function value (random) {
  switch (random.below(14)) {
    case 0: return new Y.Map([['k0', random.below(10)]])
    case 1: return Y.Array.from([random.below(10), 'nested'])
    case 2: return new Y.Text(random.pick(WORDS))
    case 3: return new Y.Doc({ guid: `guid-${random.below(2 ** 31)}` })
    case 4: return Uint8Array.from({ length: random.below(5) }, () => random.below(256))
    case 5: return { x: random.next(), points: [1, -2, 3.5], deep: { on: true, off: null } }
    case 6: return [random.below(10), [random.pick(WORDS)]]
    case 7: return random.next() * 1e9
    case 8: return -random.below(2 ** 31)
    case 9: return null
    case 10: return random.chance(0.5)
    case 11: return 2 ** 40 + random.below(1000)
    default: return random.pick(WORDS)
  }
}

/** What a doc shows. */
export function shown (doc) {
  return Object.fromEntries(Object.entries(roots(doc)).map(([name, type]) => [name, plain(type)]))
}

function plain (value) {
  if (value instanceof Y.Doc) return { guid: value.guid }
  if (value instanceof Y.Text) return { text: value.toDelta() }
  if (value instanceof Y.Map) return { map: Object.fromEntries([...value.entries()].map(([key, inner]) => [key, plain(inner)])) }
  if (value instanceof Y.XmlElement) return { element: value.nodeName, attributes: value.getAttributes(), children: value.toArray().map(plain) }
  if (value instanceof Y.AbstractType) return { list: value.toArray().map(plain) }
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') }
  return value === undefined ? { undefined: true } : value
}
