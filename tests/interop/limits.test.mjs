// Limits as real clients meet them, or do not: a flood beside people who draw, an honest drawing of 60 Hz, and a stolen clock.
//
// The one rule: what an honest client does here must meet no limit at all, told by the server's own counters.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import { Member, until } from './harness/member.mjs'
import { Raw } from './harness/raw.mjs'
import { Server } from './harness/server.mjs'
import * as wire from './harness/wire.mjs'

/** So many messages a second, and four times as many at once, are let through in the test of a flood. */
const RATE = 200
const FLOOD = 1_600
const DRAW_MS = 3_000
const FRAME_MS = 1000 / 60

/** A struct that stands for something deleted: it takes `length` clocks of a client away in a few bytes. */
function forged (client, clock, length) {
  const encoder = encoding.createEncoder()
  for (const number of [1, 1, client, clock, 0, length, 0]) encoding.writeVarUint(encoder, number)
  return encoding.toUint8Array(encoder)
}

/** How often each limit was met. */
async function met (server) {
  const [, url] = /metrics are at (http\S+)/.exec(server.log)
  const text = await (await fetch(url)).text()
  return Object.fromEntries([...text.matchAll(/^scrible_limits_met_total\{limit="(\w+)"\} (\d+)/gm)]
    .map(([, limit, count]) => [limit, Number(count)]))
}

const settings = { SCRIBLE_METRICS_LISTEN: '127.0.0.1:0' }
let server
before(async () => { server = await Server.start(settings) })
after(() => server.end())

test('L4 an edit whose clock was stolen while it was on its way is not lost in silence', async () => {
  const closes = []
  const watcher = await Raw.join(`${server.url}/stolen`)
  const mallory = await Raw.join(`${server.url}/stolen`)
  const ann = new Member('ann', '3.1.0', server.url, 'stolen', { lagMs: () => 300 })
  ann.provider.on('connection-close', event => { if (event !== null) closes.push(event) })
  try {
    ann.provider.awareness.setLocalState({ name: 'ann' })
    ann.provider.connect()
    await until(() => ann.joined, () => 'ann does not join')
    const text = ann.doc.getText('t')
    text.insert(0, 'first ')
    const { clientID } = ann.doc
    await watcher.until(() => watcher.of('update').length === 1, 'the first edit')
    const clock = Y.getState(ann.doc.store, clientID)
    text.insert(6, 'in flight ')
    mallory.send(wire.update(forged(clientID, clock, 1000)))
    await until(() => closes.length > 0, () => 'nobody told her')
    assert.equal(closes[0].code, 4509)
    assert.match(closes[0].reason, /reload/)
    await until(() => ann.joined, () => 'she does not come back')
    assert.notEqual(ann.doc.clientID, clientID, 'Yjs takes a new id once it hears of the theft')
    ann.doc.getMap('elsewhere').set('later', true)
    await ann.committed()
    assert.match(server.log, /written at a clock that another session has taken/)
    // She reloads the page.
    const again = new Member('ann again', '3.1.0', server.url, 'stolen')
    again.provider.connect()
    await until(() => again.joined, () => 'she does not come back')
    again.doc.getText('t').insert(6, 'once more')
    await again.committed()
    assert.equal(again.doc.getText('t').toString(), 'first once more')
    assert.equal(again.doc.getMap('elsewhere').get('later'), true)
    again.end()
  } finally {
    // y-websocket takes leave under the doc's id, which here is not its awareness' any more, and throws.
    ann.doc.clientID = ann.provider.awareness.clientID
    ann.end()
    await Promise.all([watcher.close(), mallory.close()])
  }
})

test('L1 A1 people who draw at 60 Hz and echo each other\'s cursors meet no limit', async () => {
  const before = await met(server)
  const people = ['1.5.4', '3.1.0', '3.1.0', '1.5.4'].map((version, at) => new Member(`p${at}`, version, server.url, 'drawing'))
  try {
    for (const { provider } of people) provider.connect()
    await until(() => people.every(({ joined }) => joined), () => 'not everybody joined')
    const end = Date.now() + DRAW_MS
    for (let frame = 0; Date.now() < end; frame++) {
      for (const { doc, provider } of people) {
        doc.getMap('shapes').set(`s${frame % 10}`, { x: frame, points: Array.from({ length: 20 }, (_, at) => at * frame) })
        provider.awareness.setLocalStateField('cursor', { x: frame, y: frame })
      }
      await delay(FRAME_MS)
    }
    for (const person of people) await person.committed()
    assert.deepEqual(await met(server), before)
  } finally {
    for (const person of people) person.end()
  }
})

test('L1 a flood is read more slowly, all of it arrives, and nobody is closed', async () => {
  const slow = await Server.start({ ...settings, SCRIBLE_MAX_MESSAGES_PER_SECOND: String(RATE) })
  try {
    const flood = await Raw.join(`${slow.url}/flood`)
    const neighbour = await Raw.join(`${slow.url}/flood`)
    const began = Date.now()
    const doc = new Y.Doc()
    doc.on('update', update => flood.send(wire.update(update)))
    for (let at = 0; at < FLOOD; at++) doc.getArray('a').push([at])
    // An edit of somebody else comes through meanwhile.
    const other = new Y.Doc()
    other.getText('t').insert(0, 'hello')
    neighbour.send(wire.update(Y.encodeStateAsUpdate(other)))
    await neighbour.until(() => neighbour.of('update').length >= FLOOD, 'all of the flood', 30_000)
    const took = Date.now() - began
    assert.ok(took > (FLOOD - 4 * RATE) / RATE * 1000 * 0.8, `${FLOOD} messages took ${took} ms`)
    assert.equal(flood.closed, null)
    assert.equal((await met(slow)).messages > 0, true)
    await Promise.all([flood.close(), neighbour.close()])
  } finally {
    await slow.end()
  }
})

test('L2 a full room refuses what it has no place for and says why; deletions and readers stay', async () => {
  const small = await Server.start({ ...settings, SCRIBLE_MAX_ROOM_BYTES: '1MiB' })
  try {
    const doc = new Y.Doc()
    const photo = new Uint8Array(900_000)
    const ann = await Raw.join(`${small.url}/full`)
    doc.on('update', update => ann.send(wire.update(update)))
    doc.getArray('a').push([photo])
    await ann.until(() => ann.of('update').length === 1, 'its echo')
    assert.match(small.log, /the room is nearly full/)
    const health = await (await fetch(small.url.replace('ws', 'http') + '/health')).json()
    assert.match(health.marks.full, /SCRIBLE_MAX_ROOM_BYTES/)
    const reader = await Raw.join(`${small.url}/full`)
    doc.getArray('a').push([photo])
    await ann.until(() => ann.closed !== null, 'a close', 10_000)
    assert.equal(ann.closed.code, 4413)
    assert.match(ann.closed.reason, /full/)
    assert.equal(reader.closed, null)
    const bob = await Raw.join(`${small.url}/full`)
    const state = new Y.Doc()
    Y.applyUpdate(state, bob.of('step2')[0].body.length > 2 ? bob.of('step2')[0].body : bob.of('update')[0].body)
    state.on('update', update => bob.send(wire.update(update)))
    state.getArray('a').delete(0, 1)
    await bob.until(() => bob.of('update').length > 0, 'the echo of a deletion')
    assert.equal(bob.closed, null)
    await Promise.all([reader.close(), bob.close()])
  } finally {
    await small.end()
  }
})
