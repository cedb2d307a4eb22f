// Random edits of everything that a Yjs doc can hold: rich text with marks and embeds, XML with attributes of any kind, nested
// types, lists of keys and values, BigInt and other values that few write. And what a doc shows, in every detail.
//
// The one rule: it is made by one doc at a time, because how Yjs clears up marks of several depends on how updates were
// batched.

import * as Y from 'yjs'

const WORDS = ['a', 'stroke ', 'zażółć, ', '木', '😀', 'x😀y', '\n', 'two words ', '👩‍👩‍👧']
const KEYS = ['k0', 'k1', 'k2', 'k3', 'id']
const MARKS = [
  { bold: true }, { bold: null }, { em: true }, { em: null }, { link: { href: '#', target: null } }, { link: null },
  { color: '#f00', bold: true }
]

/** The doc's root types. `entries` is a list as YKeyValue has it. */
export function roots (doc) {
  return {
    map: doc.getMap('map'),
    list: doc.getArray('list'),
    entries: doc.getArray('entries'),
    text: doc.getText('text'),
    xml: doc.getXmlFragment('xml')
  }
}

/** Makes some random edits in one transaction. */
export function edit (random, doc) {
  const { map, list, entries, text, xml } = roots(doc)
  doc.transact(() => {
    for (let more = true; more; more = random.chance(0.6)) {
      switch (random.below(6)) {
        case 0: changeMap(random, map); break
        case 1: changeList(random, list); break
        case 2: changeEntries(random, entries); break
        case 3: changeText(random, text); break
        default: changeXml(random, xml)
      }
    }
  })
}

/** Sets or removes an entry as YKeyValue does: the old one goes, the new one comes at the end. */
export function setEntry (entries, key, val) {
  const at = entries.toArray().findIndex(entry => entry.key === key)
  if (at >= 0) entries.delete(at)
  if (val !== undefined) entries.push([{ key, val }])
}

/** What a doc shows. Numbers of all kinds, undefined and bytes are told apart; the order of keys is as it is. */
export function shown (doc) {
  const { map, list, entries, text, xml } = roots(doc)
  const byKey = new Map(entries.toArray().map(entry => [entry.key, plain(entry.val)]))
  return { map: plain(map), list: plain(list), entries: sorted(byKey), text: plain(text), xml: plain(xml) }
}

/** What a type or value shows. */
export function plain (value) {
  if (value instanceof Y.Text) return { [value.constructor.name]: delta(value), attributes: sorted(Object.entries(value.getAttributes()), plain) }
  if (value instanceof Y.XmlHook) return { hook: value.hookName, map: sorted(value.entries(), plain) }
  if (value instanceof Y.Map) return { map: sorted(value.entries(), plain) }
  if (value instanceof Y.XmlElement) {
    return {
      element: value.nodeName,
      attributes: sorted(Object.entries(value.getAttributes()), plain),
      children: value.toArray().map(plain)
    }
  }
  if (value instanceof Y.AbstractType) return { [value.constructor.name]: value.toArray().map(plain) }
  if (value instanceof Y.Doc) return { guid: value.guid }
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') }
  if (typeof value === 'bigint') return { bigint: String(value) }
  if (value === undefined) return { undefined: true }
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) return { number: Object.is(value, -0) ? '-0' : String(value) }
  if (Array.isArray(value)) return value.map(plain)
  if (value !== null && typeof value === 'object') return { object: Object.entries(value).map(([key, inner]) => [key, plain(inner)]) }
  return value
}

/** Pieces of text with the same marks joined: where Yjs cuts them says nothing. */
function delta (text) {
  const pieces = []
  for (const { insert, attributes } of text.toDelta()) {
    const marks = JSON.stringify(sorted(Object.entries(attributes ?? {})))
    const last = pieces.at(-1)
    if (typeof insert === 'string' && typeof last?.insert === 'string' && last.marks === marks) last.insert += insert
    else pieces.push({ insert: typeof insert === 'string' ? insert : plain(insert), marks })
  }
  return pieces
}

const sorted = (entries, of = value => value) =>
  Object.fromEntries([...entries].map(([key, value]) => [key, of(value)]).sort(([a], [b]) => (a < b ? -1 : 1)))

function change (random, type) {
  // Subclasses first: a text in XML is a text, an element is a fragment.
  if (type instanceof Y.Text) changeText(random, type)
  else if (type instanceof Y.XmlFragment) changeXml(random, type)
  else if (type instanceof Y.Map) changeMap(random, type)
  else if (type instanceof Y.Array) changeList(random, type)
  else return false
  return true
}

function changeMap (random, map) {
  const key = random.pick(KEYS)
  if (random.chance(0.4) && change(random, map.get(key))) return
  if (random.chance(0.25)) map.delete(key)
  else map.set(key, random.chance(0.4) ? type(random) : value(random))
}

function changeList (random, list) {
  const at = random.below(list.length + 1)
  if (random.chance(0.4) && change(random, list.get(at))) return
  if (at < list.length && random.chance(0.3)) list.delete(at, 1 + random.below(Math.min(3, list.length - at)))
  // A list takes no BigInt and no undefined itself, other than a map, but what holds them.
  else list.insert(at, random.chance(0.4) ? [type(random)] : [[value(random)], random.below(3)])
}

function changeEntries (random, entries) {
  setEntry(entries, `shape:${random.below(8)}`, random.chance(0.2) ? undefined : value(random) ?? null)
}

function changeText (random, text) {
  const places = [0]
  const types = []
  for (const { insert } of text.toDelta()) {
    const units = typeof insert === 'string' ? [...insert].map(character => character.length) : [1]
    for (const length of units) places.push(places.at(-1) + length)
    if (insert instanceof Y.AbstractType) types.push(insert)
  }
  if (types.length > 0 && random.chance(0.2)) return change(random, random.pick(types))
  const at = random.below(places.length)
  const length = places[Math.min(at + 1 + random.below(5), places.length - 1)] - places[at]
  const choice = random.below(10)
  if (choice < 3 && length > 0) text.delete(places[at], length)
  else if (choice < 6 && length > 0) text.format(places[at], length, random.pick(MARKS))
  else if (choice === 6) text.insertEmbed(places[at], { image: random.below(3) }, random.pick([{}, { bold: true }]))
  else if (choice === 7) text.insertEmbed(places[at], type(random))
  else if (choice === 8 && text instanceof Y.XmlText) text.setAttribute(random.pick(KEYS), value(random))
  // Without marks of its own, text takes those of what is before it.
  else if (random.chance(0.5)) text.insert(places[at], random.pick(WORDS))
  else text.insert(places[at], random.pick(WORDS), random.pick([{}, { bold: true }, { em: true }]))
}

function changeXml (random, parent) {
  if (parent instanceof Y.XmlElement && random.chance(0.3)) {
    const key = random.pick(KEYS)
    return random.chance(0.3) ? parent.removeAttribute(key) : parent.setAttribute(key, value(random))
  }
  const at = random.below(parent.length + 1)
  if (at < parent.length && random.chance(0.5) && change(random, parent.get(at))) return
  if (at < parent.length && random.chance(0.4)) return parent.delete(at, 1)
  const child = random.pick([
    () => new Y.XmlElement(random.pick(['p', 'heading'])),
    () => new Y.XmlText(random.pick(WORDS)),
    () => new Y.XmlHook('hook')
  ])
  parent.insert(at, [child()])
}

function type (random) {
  return random.pick([
    () => new Y.Map([['id', random.pick(WORDS)], ['x', random.below(3)]]),
    () => new Y.Map([['k0', random.below(3)]]),
    () => Y.Array.from([random.below(3), 'nested']),
    () => new Y.Text(random.pick(WORDS)),
    () => new Y.XmlElement('p'),
    () => new Y.XmlText(random.pick(WORDS)),
    () => new Y.XmlFragment()
  ])()
}

function value (random) {
  return random.pick([
    undefined, null, true, false, 0, -0, 1, -1, 64, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 40 + 1, 2 ** 53, 0.1, 1.5, 1e300,
    Infinity, -Infinity, NaN, 0n, 5n, -(2n ** 62n), '', 'text', '😀', [], [1, [undefined, -0]], {}, { b: 1, a: { c: 5n } },
    Uint8Array.of(), Uint8Array.of(1, 2, 255)
  ])
}
