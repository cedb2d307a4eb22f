// The content of a document as plain JSON that two implementations can agree on.
//
// Rich-text marks are left out: how Yjs cleans them up depends on how updates were batched.

import * as Y from 'yjs'

export const ROOTS = {
  map: Y.Map,
  array: Y.Array,
  text: Y.Text,
  xml: Y.XmlFragment
}

export const content = (doc, roots = Object.keys(ROOTS)) =>
  JSON.stringify(Object.fromEntries(roots.map(name => [name, tree(doc.get(name, ROOTS[name]))])))

// yrs can't read hooks, so they live in a root of their own that only Yjs compares.
export const contentWithHooks = doc =>
  content(doc) + JSON.stringify(doc.get('hooks', Y.XmlFragment).toArray().map(tree))

const sorted = entries => Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))

const tree = value => {
  if (value instanceof Y.XmlText || value instanceof Y.Text) {
    const parts = []
    for (const { insert } of value.toDelta()) {
      if (typeof insert === 'string' && typeof parts.at(-1) === 'string') parts.push(parts.pop() + insert)
      else parts.push(typeof insert === 'string' ? insert : { embed: tree(insert) })
    }
    return { text: parts }
  }
  if (value instanceof Y.XmlHook) return { hook: value.hookName, map: sorted([...value.entries()].map(([k, v]) => [k, tree(v)])) }
  if (value instanceof Y.Map) return { map: sorted([...value.entries()].map(([key, v]) => [key, tree(v)])) }
  if (value instanceof Y.Array) return { array: value.toArray().map(tree) }
  if (value instanceof Y.XmlElement) {
    return {
      element: value.nodeName,
      attributes: sorted(Object.entries(value.getAttributes())),
      children: value.toArray().map(tree)
    }
  }
  if (value instanceof Y.XmlFragment) return { fragment: value.toArray().map(tree) }
  if (value instanceof Y.Doc) return { doc: value.guid }
  if (value instanceof Uint8Array) return { bytes: [...value] }
  if (typeof value === 'bigint') return { bigint: value.toString() }
  if (value === undefined) return { undefined: true }
  if (Array.isArray(value)) return { list: value.map(tree) }
  if (value !== null && typeof value === 'object') return { object: sorted(Object.entries(value).map(([k, v]) => [k, tree(v)])) }
  return value
}
