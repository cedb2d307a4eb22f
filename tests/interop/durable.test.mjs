// What tells a client that its edit arrived comes only after the edit is stored; judged from recorded frames while commits are held back.
//
// The promise is about content: echo, step 2 or a merged part, whatever carries a client's own ids or deletes to it. The one rule:
// every frame that such a client received before the commit is looked at, not only the expected ones.

import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import * as Y from 'yjs'
import { Implementation, NODE_VERSIONS } from './harness/peers.mjs'
import { Raw } from './harness/raw.mjs'
import { Server } from './harness/server.mjs'
import { Store } from './harness/store.mjs'
import * as wire from './harness/wire.mjs'

/** What an update carries of one client: `[from, to)` ranges of structs, and of deletes. */
function carried (update, client) {
  const { structs, ds } = Y.decodeUpdate(update)
  return {
    structs: structs.filter(({ id, constructor }) => id.client === client && constructor !== Y.Skip)
      .map(({ id, length }) => [id.clock, id.clock + length]),
    deletes: (ds.clients.get(client) ?? []).map(({ clock, len }) => [clock, clock + len])
  }
}

/** Everything that these messages carry of a client from a clock on. */
function carriedBy (messages, client, from = 0) {
  const all = { structs: [], deletes: [] }
  for (const { kind, body } of messages) {
    if (kind !== 'step2' && kind !== 'update') continue
    const { structs, deletes } = carried(body, client)
    all.structs.push(...structs.filter(([, to]) => to > from))
    all.deletes.push(...deletes)
  }
  return all
}

const NOTHING = { structs: [], deletes: [] }

let server, store
before(async () => {
  server = await Server.start()
  store = new Store(server.database)
})
after(async () => {
  await store.end()
  await server.end()
})
afterEach(() => assert.deepEqual(Raw.misframed, []))

/** A raw socket with a doc whose updates it sends. */
async function writer (room, clientId) {
  const doc = new Y.Doc()
  doc.clientID = clientId
  const updates = []
  const raw = await Raw.join(`${server.url}/${room}`)
  doc.on('update', update => {
    updates.push(update)
    if (raw.closed === null) raw.send(wire.update(update))
  })
  return { doc, map: doc.getMap('map'), updates, raw, stateVector: () => Y.encodeStateVector(doc) }
}

/** Runs while nothing can be committed. */
async function held (run) {
  await store.hold()
  try {
    await run()
  } finally {
    await store.release()
  }
}

test('R5: others see an update at once, its author gets it back only when it is stored', async () => {
  const a = await writer('echo', 101)
  const other = await Raw.join(`${server.url}/echo`)
  await held(async () => {
    a.map.set('k', 'v')
    await other.until(() => other.of('update').length === 1, 'the update')
    await a.raw.settle(a.stateVector())
    assert.deepEqual(carriedBy(a.raw.messages.flat(), 101), NOTHING)
    assert.deepEqual(await store.rows('echo'), [])
  })
  await a.raw.until(() => a.raw.of('update').length === 1, 'the echo')
  assert.deepEqual(a.raw.of('update')[0].body, a.updates[0])
  assert.equal((await store.rows('echo')).length, 1)
  await a.raw.close()
  await other.close()
})

test('R7: who returns with uncommitted ids gets neither them nor their deletes before the commit', async () => {
  const a = await writer('return', 111)
  a.map.set('kept', 1)
  a.map.set('deleted', 1)
  await a.raw.until(() => a.raw.of('update').length === 2, 'two echoes')
  const stored = Y.getState(a.doc.store, 111)
  let back, fresh
  await held(async () => {
    a.doc.getText('text').insert(0, 'not stored yet')
    a.map.delete('deleted')
    await a.raw.settle(a.stateVector())
    await a.raw.close()
    back = await Raw.join(`${server.url}/return`, a.stateVector())
    await back.settle(a.stateVector())
    assert.deepEqual(carriedBy(back.messages.flat(), 111, stored), NOTHING)
    fresh = await Raw.join(`${server.url}/return`)
    const seen = new Y.Doc()
    Y.applyUpdate(seen, fresh.of('step2')[0].body)
    assert.equal(seen.getText('text').toString(), 'not stored yet', 'who has nothing gets everything at once')
    assert.deepEqual(seen.getMap('map').toJSON(), { kept: 1 })
  })
  await back.until(() => {
    const { structs, deletes } = carriedBy(back.messages.flat(), 111, stored)
    return structs.some(([, to]) => to === Y.getState(a.doc.store, 111)) && deletes.length > 0
  }, 'the ids after their commit')
  await back.close()
  await fresh.close()
})

test('R7: a tab that has another\'s uncommitted edit from elsewhere hears of it only after the commit', async () => {
  const a = await writer('sibling', 121)
  await held(async () => {
    a.map.set('k', 'v')
    await a.raw.settle(a.stateVector())
    const tab = await Raw.join(`${server.url}/sibling`, a.stateVector())
    await tab.settle(a.stateVector())
    assert.deepEqual(carriedBy(tab.messages.flat(), 121), NOTHING)
    await tab.close()
  })
  await a.raw.close()
})

test('R6: an update sent twice comes back twice, both times after the commit; from another socket as well', async () => {
  const a = await writer('known', 131)
  const other = await Raw.join(`${server.url}/known`)
  let heard
  await held(async () => {
    a.map.set('k', 'v')
    a.raw.send(wire.update(a.updates[0]))
    await other.until(() => other.of('update').length === 1, 'the update')
    other.send(wire.update(a.updates[0]))
    heard = other.of('update').length
    await a.raw.settle(a.stateVector())
    await other.settle(a.stateVector())
    assert.deepEqual(carriedBy(a.raw.messages.flat(), 131), NOTHING)
    assert.equal(other.of('update').length, heard, 'no echo of what is known but not stored')
  })
  await a.raw.until(() => a.raw.of('update').length === 2, 'both echoes')
  await other.until(() => other.of('update').length > heard, 'the echo of what was known')
  assert.equal((await store.rows('known')).length, 1, 'stored once')
  await a.raw.close()
  await other.close()
})

test('R6: a known step 2 is not echoed, before or after the commit', async () => {
  const a = await writer('known2', 141)
  await held(async () => {
    a.map.set('k', 'v')
    a.raw.send(wire.step2(Y.encodeStateAsUpdate(a.doc)))
    await a.raw.settle(a.stateVector())
  })
  await a.raw.until(() => a.raw.of('update').length === 1, 'the echo')
  a.map.set('barrier', 1)
  await a.raw.until(() => a.raw.of('update').length === 2, 'the next echo')
  assert.deepEqual(a.raw.of('update').map(({ body }) => body), a.updates)
  await a.raw.close()
})

test('J1 J3: edits of many rooms that wait together are all stored and echoed', async () => {
  const writers = await Promise.all(Array.from({ length: 20 }, (_, at) => writer(`many/${at}`, 200 + at)))
  await held(async () => {
    for (const { map } of writers) {
      for (let edit = 0; edit < 5; edit++) map.set(`k${edit}`, edit)
    }
    await Promise.all(writers.map(({ raw, stateVector }) => raw.settle(stateVector())))
    for (const [at, { raw }] of writers.entries()) assert.deepEqual(carriedBy(raw.messages.flat(), 200 + at), NOTHING)
  })
  await Promise.all(writers.map(({ raw }) => raw.until(() => raw.of('update').length === 5, 'five echoes')))
  for (const [at, { raw, updates }] of writers.entries()) {
    assert.deepEqual((await store.rows(`many/${at}`)).map(({ seq }) => seq), [1, 2, 3, 4, 5])
    assert.deepEqual(raw.of('update').map(({ body }) => body), updates)
    await raw.close()
  }
})

describe('clients from npm', { concurrency: false }, () => {
  for (const name of NODE_VERSIONS) {
    test(`R5 R7: ${name}: its own ids come back only after the commit, over a lost connection too`, async () => {
      const clients = new Implementation(name)
      const other = await Raw.join(`${server.url}/npm/${name}`)
      try {
        const peer = await clients.open(server.url, `npm/${name}`, { record: true })
        await peer.until('synced')
        const received = async () => (await peer.facts()).frames.filter(({ way }) => way === 'in')
          .flatMap(({ hex }) => wire.parse(Buffer.from(hex, 'hex')))
        await held(async () => {
          await peer.edit(['set', 'k', 'v'], ['write', 0, 'text'])
          await peer.edit(['unset', 'k'])
          await other.until(() => other.of('update').length === 2, 'both updates')
          await peer.drop()
          await peer.until('opens', 2)
          await peer.until('synced')
          await peer.edit(['push', 'x'])
          await other.until(() => other.of('update').length === 3, 'the third update')
          assert.deepEqual(carriedBy(await received(), peer.client), NOTHING)
        })
        const complete = Y.mergeUpdates(other.of('update').map(({ body }) => body))
        const { structs, deletes } = carried(complete, peer.client)
        const end = Math.max(...structs.map(([, to]) => to))
        while (true) {
          const messages = await received()
          const got = carriedBy(messages, peer.client)
          if (got.structs.some(([, to]) => to === end) && deletes.every(range => got.deletes.some(one => `${one}` === `${range}`))) break
          await peer.until('received', messages.length + 1)
        }
        await peer.close()
      } finally {
        await clients.end()
        await other.close()
      }
    })
  }
})

test('S1: a server that is stopped while nothing can be stored says so with its exit code', async () => {
  const own = await Server.start({ SCRIBLE_SHUTDOWN_SECONDS: '2' })
  const itsStore = new Store(own.database)
  const doc = new Y.Doc()
  const raw = await Raw.join(`${own.url}/unstored`)
  try {
    await itsStore.hold()
    doc.getMap('map').set('k', 'v')
    raw.send(wire.update(Y.encodeStateAsUpdate(doc)))
    await raw.settle(Y.encodeStateVector(doc))
    const [code] = await Promise.all([own.stop(), raw.until(() => raw.closed !== null, 'close')])
    assert.notEqual(code, 0, 'exit code')
    assert.equal(raw.closed.code, 1012)
    assert.match(own.log, /\b1 updates? \w+/, 'what was not stored is counted')
  } finally {
    await itsStore.end()
    await own.end()
  }
})
