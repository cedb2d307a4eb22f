// Random edits of a document, as an editor and its user would make them.

import * as Y from 'yjs'

export class Random {
  constructor (seed) {
    this.state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) >>> 0
    for (let i = 0; i < 4; i++) this.u32()
  }

  // mulberry32
  u32 () {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let t = this.state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }

  below (n) {
    return this.u32() % n
  }

  chance (p) {
    return this.u32() / 2 ** 32 < p
  }

  pick (list) {
    return list[this.below(list.length)]
  }
}

const WORDS = ['a', 'hello', 'żółć', '日本', '😀', 'x😀y', '👩‍👩‍👧', '\n', 'long '.repeat(9), '', '𝒳𝒴']
const KEYS = ['k', 'x', 'shape:1', 'shape:2', 'props', '']

export class Editor {
  constructor (doc, random, { bigint, format, hooks }) {
    this.doc = doc
    this.random = random
    this.bigint = bigint
    this.format = format
    this.hooks = hooks
    // Marking text splits items without a trace for others, and half a surrogate pair is lost for the one who split it:
    // with both, Yjs itself does not converge.
    this.words = format ? WORDS.filter(word => !/[\ud800-\udfff]/.test(word)) : WORDS
    const roots = [doc.getMap('map'), doc.getArray('array'), doc.getText('text'), doc.get('xml', Y.XmlFragment)]
    this.undo = new Y.UndoManager(roots, { captureTimeout: 0, trackedOrigins: new Set(['edit']) })
    this.guid = 0
  }

  // One transaction with one or a few changes.
  edit () {
    const r = this.random
    if (r.chance(0.1)) return this.undo.undo()
    if (r.chance(0.05)) return this.undo.redo()
    this.doc.transact(() => {
      for (let i = r.chance(0.3) ? 1 + r.below(4) : 1; i > 0; i--) this.change()
    }, 'edit')
  }

  change () {
    const r = this.random
    switch (r.below(9)) {
      case 0:
      case 1: return this.changeMap(this.walk(this.doc.getMap('map')))
      case 2:
      case 3: return this.changeArray(this.walk(this.doc.getArray('array')))
      case 4:
      case 5:
      case 6: return this.changeText(this.doc.getText('text'))
      case 7: return this.changeXml(this.doc.get('xml', Y.XmlFragment), 0)
      default: return this.hooks ? this.changeHooks() : this.changeMap(this.doc.getMap('map'))
    }
  }

  // Steps into nested types as long as the dice say so.
  walk (type) {
    for (;;) {
      const inner = (type instanceof Y.Map ? [...type.values()] : type.toArray())
        .filter(value => value instanceof Y.Map || value instanceof Y.Array)
      if (inner.length === 0 || this.random.chance(0.4)) return type
      type = this.random.pick(inner)
    }
  }

  changeMap (type) {
    if (type instanceof Y.Array) return this.changeArray(type)
    const r = this.random
    const key = r.pick(KEYS)
    if (r.chance(0.2)) type.delete(key)
    else type.set(key, this.value())
  }

  changeArray (type) {
    if (type instanceof Y.Map) return this.changeMap(type)
    const r = this.random
    if (type.length > 0 && r.chance(0.35)) {
      const at = r.below(type.length)
      type.delete(at, 1 + r.below(Math.min(4, type.length - at)))
    } else if (r.chance(0.5)) {
      type.insert(r.below(type.length + 1), Array.from({ length: 1 + r.below(5) }, () => this.item()))
    } else {
      const value = this.value()
      type.insert(r.below(type.length + 1), [typeof value === 'bigint' ? { value } : value])
    }
  }

  changeText (type) {
    const r = this.random
    const length = type.length
    if (length > 0 && r.chance(0.3)) {
      const at = r.below(length)
      return type.delete(at, 1 + r.below(Math.min(6, length - at)))
    }
    if (r.chance(0.08)) return type.insertEmbed(r.below(length + 1), { image: r.pick(this.words), at: [r.below(9), null] })
    if (r.chance(0.04)) return type.insertEmbed(r.below(length + 1), new Y.Map([['inner', r.below(99)]]))
    if (this.format && length > 0 && r.chance(0.3)) {
      const at = r.below(length)
      const marks = r.pick([{ bold: true }, { bold: null }, { link: { href: 'x' } }, { italic: 1 }])
      return type.format(at, 1 + r.below(length - at), marks)
    }
    // Any place, so at times the middle of a surrogate pair. Typing goes on behind what was typed.
    const at = r.chance(0.5) ? length : r.below(length + 1)
    type.insert(at, r.pick(this.words))
  }

  changeXml (parent, depth) {
    const r = this.random
    const children = parent.toArray()
    if (children.length > 0 && r.chance(0.25)) return parent.delete(r.below(children.length), 1)
    const elements = children.filter(child => child instanceof Y.XmlElement)
    if (elements.length > 0 && depth < 4 && r.chance(0.5)) {
      const element = r.pick(elements)
      if (r.chance(0.4)) return element.setAttribute(r.pick(KEYS) || 'id', String(r.below(99)))
      if (r.chance(0.1)) return element.removeAttribute('k')
      return this.changeXml(element, depth + 1)
    }
    const texts = children.filter(child => child instanceof Y.XmlText)
    if (texts.length > 0 && r.chance(0.4)) return this.changeText(r.pick(texts))
    const at = r.below(children.length + 1)
    parent.insert(at, [r.chance(0.5) ? new Y.XmlElement(r.pick(['p', 'div', 'svg'])) : new Y.XmlText(r.pick(this.words))])
  }

  changeHooks () {
    const hooks = this.doc.get('hooks', Y.XmlFragment)
    const r = this.random
    if (hooks.length > 0 && r.chance(0.4)) {
      const hook = hooks.get(r.below(hooks.length))
      return r.chance(0.3) ? hooks.delete(0, 1) : hook.set(r.pick(KEYS), this.plain(1))
    }
    hooks.insert(r.below(hooks.length + 1), [new Y.XmlHook('hook')])
  }

  value () {
    const r = this.random
    switch (r.below(12)) {
      case 0: return new Y.Map([['x', r.below(1000)], ['n', this.plain(1)]])
      case 1: return Y.Array.from(Array.from({ length: r.below(4) }, () => this.item()))
      case 2: return new Y.Text(r.pick(this.words))
      case 3: return Uint8Array.from({ length: r.below(20) }, () => r.below(256))
      case 4: return r.chance(0.3) ? new Y.Doc({ guid: `${this.doc.clientID}-${this.guid++}` }) : this.plain(3)
      default: return this.plain(3)
    }
  }

  // Arrays of Yjs take a BigInt only inside of something.
  item () {
    const value = this.plain(2)
    return typeof value === 'bigint' ? [value] : value
  }

  plain (depth) {
    const r = this.random
    switch (r.below(this.bigint ? 13 : 12)) {
      case 0: return r.below(64)
      case 1: return -r.below(1e6)
      case 2: return r.below(2 ** 31) + 0.5
      case 3: return r.u32() * 1000003 / 7
      case 4: return r.pick(this.words)
      case 5: return r.chance(0.5)
      case 6: return null
      case 7: return 1.5
      case 8: return depth > 0 ? { x: this.plain(depth - 1), 'żó': this.plain(depth - 1) } : {}
      case 9: return depth > 0 ? [this.plain(depth - 1), this.plain(depth - 1)] : []
      case 10: return r.pick(this.words) + r.below(10)
      case 11: return r.u32() * 2097151
      default: return BigInt(r.u32()) - 2n ** 31n
    }
  }
}
