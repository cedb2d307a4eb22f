// One session: a few clients, a lossy channel between tabs, sockets that break, and a server.
//
// The server is a Y.Doc that forgets what it can't integrate at once, and asks for it. It says after each arrival what a
// room should have, so the rules under test are compared with what Yjs itself does.

import * as Y from 'yjs'
import { content, contentWithHooks, ROOTS } from './content.mjs'
import { Editor, Random } from './edits.mjs'

const newDoc = (random, gc) => {
  const doc = new Y.Doc({ gc, guid: 'room' })
  doc.clientID = random.chance(0.2) ? random.u32() * 2 ** 21 + random.below(2 ** 21) : random.u32()
  for (const [name, type] of Object.entries(ROOTS)) doc.get(name, type)
  doc.get('hooks', Y.XmlFragment)
  return doc
}

class Client {
  constructor (session, id, options) {
    this.session = session
    this.id = id
    this.doc = newDoc(session.random, session.random.chance(0.8))
    this.editor = new Editor(this.doc, session.random, options)
    // What was sent and has not arrived; what siblings sent.
    this.sending = []
    this.inbox = []
    this.online = false
    this.heard = 0
    this.doc.on('update', (update, origin) => {
      // y-websocket does not send on what came from siblings; other providers do.
      if (this.online && origin !== 'socket' && (origin !== 'sibling' || session.forwards)) this.sending.push({ update })
      if (origin !== 'socket' && origin !== 'sibling') session.tell(this, update)
    })
  }

  connect () {
    this.online = true
    this.heard = this.session.log.length
    Y.applyUpdate(this.doc, this.session.stateFor(Y.encodeStateVector(this.doc)), 'socket')
    this.answer()
  }

  // A step 2 for the server as it is when this is called.
  answer () {
    this.sending.push({ update: Y.encodeStateAsUpdate(this.doc, Y.encodeStateVector(this.session.server)), step2: true })
  }

  disconnect () {
    this.online = false
    this.sending = []
  }

  hear (most) {
    while (this.online && most-- > 0 && this.heard < this.session.log.length) {
      const { update, author } = this.session.log[this.heard++]
      if (author !== this) Y.applyUpdate(this.doc, update, 'socket')
    }
  }

  hearSibling () {
    const r = this.session.random
    if (this.inbox.length === 0) return
    const [update] = this.inbox.splice(r.chance(0.8) ? 0 : r.below(this.inbox.length), 1)
    if (!r.chance(this.session.loss)) Y.applyUpdate(this.doc, update, 'sibling')
  }
}

export class Session {
  constructor (seed) {
    this.seed = seed
    const r = this.random = new Random(seed)
    this.bigint = r.chance(0.15)
    this.format = r.chance(0.2)
    this.hooks = r.chance(0.1)
    this.forwards = r.chance(0.3)
    this.loss = r.pick([0, 0.1, 0.4])
    this.server = newDoc(r, false)
    this.log = []
    this.author = null
    this.server.on('update', update => this.log.push({ update, author: this.author }))
    this.clients = Array.from({ length: 2 + r.below(4) }, (_, id) => new Client(this, id, this))
    this.siblings = 2 + r.below(this.clients.length - 1)
    this.arrivals = []
    this.probes = []
  }

  tell (from, update) {
    if (from.id >= this.siblings) return
    for (const client of this.clients.slice(0, this.siblings)) {
      if (client !== from) client.inbox.push(update)
    }
  }

  stateFor (vector) {
    return Y.encodeStateAsUpdate(this.server, vector)
  }

  arrive (client) {
    const message = client.sending.shift()
    if (!message) return
    this.author = client
    Y.applyUpdate(this.server, message.update, 'client')
    this.author = null
    const store = this.server.store
    const early = store.pendingStructs !== null || store.pendingDs !== null
    store.pendingStructs = null
    store.pendingDs = null
    const vector = Y.encodeStateVector(this.server)
    this.arrivals.push({ ...message, early, client: client.id, vector })
    // Asks once: the next step 2 of this client answers whatever it sends until then. An early step 2 means that the
    // client waits for somebody else itself.
    if (early && !message.step2 && !client.sending.some(waiting => waiting.step2 || waiting.ask)) client.sending.push({ ask: true })
    while (client.sending[0]?.ask) {
      client.sending.shift()
      client.answer()
      client.sending.unshift(client.sending.pop())
    }
  }

  run () {
    const r = this.random
    const steps = 80 + r.below(240)
    for (const client of this.clients) if (r.chance(0.8)) client.connect()
    for (let step = 0; step < steps; step++) {
      const client = r.pick(this.clients)
      const dice = r.below(100)
      if (dice < 40) client.editor.edit()
      else if (dice < 62) this.arrive(client)
      else if (dice < 75) client.hear(1 + r.below(6))
      else if (dice < 88) client.hearSibling()
      else if (dice < 98) client.online ? r.chance(0.3) && client.disconnect() : client.connect()
      else this.probe(client)
    }
    this.settle()
  }

  // A state that somebody really had, for diffs against it.
  probe (client) {
    if (this.probes.length >= 3) return
    const { pendingStructs, pendingDs } = client.doc.store
    if (pendingStructs === null && pendingDs === null) this.probes.push(Y.encodeStateAsUpdate(client.doc))
  }

  // Everybody connects again until nobody has anything to say.
  settle () {
    for (let round = 0; round < 2; round++) {
      for (const client of this.clients) {
        client.disconnect()
        client.connect()
        while (client.sending.length > 0) this.arrive(client)
      }
      for (const client of this.clients) client.hear(Infinity)
    }
    if (this.contradicts()) return
    // Formatting aside, a forgetful server must have come to what everybody has.
    const here = contentWithHooks(this.server)
    for (const { doc, id } of this.clients) {
      if (contentWithHooks(doc) !== here) throw new Error(`seed ${this.seed}: client ${id} differs from the server`)
      if (doc.store.pendingStructs) throw new Error(`seed ${this.seed}: client ${id} still waits`)
    }
  }

  // Once in some thousand sessions Yjs makes an item whose left and right neighbour are the same. Where that ends up
  // depends on how items happen to be split, so Yjs does not converge then, whatever a server does.
  contradicts () {
    return [...this.server.store.clients.values()].flat().some(item =>
      item instanceof Y.Item && item.origin !== null && Y.compareIDs(item.origin, item.rightOrigin))
  }

  write (writer) {
    writer.number(this.seed)
    writer.number((this.bigint ? 1 : 0) | (this.format ? 2 : 0) | (this.hooks ? 4 : 0))
    writer.number(this.arrivals.length)
    for (const { update, step2, early, vector } of this.arrivals) {
      writer.number((step2 ? 1 : 0) | (early ? 2 : 0))
      writer.blob(update)
      writer.number(fnv(vector))
    }
    writer.number(this.probes.length)
    for (const probe of this.probes) writer.blob(probe)
    writer.blob(Y.encodeStateAsUpdate(this.server))
    writer.text(content(this.server))
  }
}

// FNV-1a, 32 bits: vectors themselves would be half of the fixture.
const fnv = bytes => {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash
}
