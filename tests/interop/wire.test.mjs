// The protocol byte by byte, from sockets without any client library.
//
// What clients never send and what they depend on without saying so. The one rule: after each test the frames received by
// all sockets held exactly one message each.

import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import * as Y from 'yjs'
import { Raw } from './harness/raw.mjs'
import { Server } from './harness/server.mjs'
import * as wire from './harness/wire.mjs'

const SMALLEST_LIMIT = 64 << 10
const EMPTY_UPDATE = Uint8Array.of(0, 0)

/** A doc with one root map, and the updates that its edits make. */
function author (clientId) {
  const doc = new Y.Doc()
  doc.clientID = clientId
  const updates = []
  doc.on('update', update => updates.push(update))
  return { doc, map: doc.getMap('map'), updates }
}

/** What a doc holds that took these updates. */
function mapOf (...updates) {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc.getMap('map').toJSON()
}

let server
before(async () => { server = await Server.start({ SCRIBLE_MAX_MESSAGE_BYTES: String(SMALLEST_LIMIT) }) })
after(() => server.end())
afterEach(() => assert.deepEqual(Raw.misframed, []))

let rooms = 0
const fresh = () => `${server.url}/wire-${++rooms}`

test('W3 W4 W5: an empty room greets with step 1 alone in its frame, and answers step 1 with one empty step 2', async () => {
  const raw = await Raw.join(fresh())
  await raw.settle()
  assert.equal(raw.frames[0].toString('hex'), '00000100')
  assert.equal(raw.frames[1].toString('hex'), '0001020000')
  assert.deepEqual(raw.messages.flat().map(({ kind }) => kind), ['step1', 'step2', 'step2'])
  await raw.close()
})

test('W4: a room with content and people greets with its state vector, then its people, each in a frame', async () => {
  const url = fresh()
  const { map, updates } = author(11)
  map.set('k', 'v')
  const first = await Raw.join(url)
  first.send(wire.update(updates[0]), wire.awareness([11, 1, { name: 'first' }]))
  await first.settle()
  const second = await Raw.join(url)
  const [greeting, people] = second.messages.flat()
  assert.deepEqual([...Y.decodeStateVector(greeting.body)], [[11, 1]])
  assert.equal(people.kind, 'awareness')
  assert.deepEqual(people.entries.map(([client, , state]) => [client, state]), [[11, { name: 'first' }]])
  assert.deepEqual(mapOf(second.of('step2')[0].body), { k: 'v' })
  await first.close()
  await second.close()
})

test('W5: step 1 is answered by exactly one step 2, each time, with what the state vector lacks', async () => {
  const url = fresh()
  const { doc, map, updates } = author(12)
  for (const key of ['a', 'b', 'c']) map.set(key, key)
  const raw = await Raw.join(url)
  raw.send(...updates.map(wire.update))
  await raw.until(() => raw.of('update').length === 3, 'three echoes')
  raw.send(wire.step1(Y.encodeStateVectorFromUpdate(updates[0])), wire.step1(Y.encodeStateVector(doc)))
  await raw.until(() => raw.of('step2').length >= 3, 'both answers')
  await raw.settle()
  const answers = raw.of('step2')
  assert.equal(answers.length, 4)
  assert.deepEqual(mapOf(updates[0], answers[1].body), { a: 'a', b: 'b', c: 'c' })
  assert.deepEqual([...Y.decodeStateVector(Y.encodeStateVectorFromUpdate(answers[2].body))], [])
  await raw.close()
})

test('W3: many messages in one frame are all taken, also with the stray zero that y-websocket 4 appends', async () => {
  const url = fresh()
  const { map, updates } = author(13)
  for (const key of ['a', 'b', 'c']) map.set(key, key)
  const raw = await Raw.open(url)
  const messages = [wire.step1(Uint8Array.of(0)), ...updates.map(wire.update), wire.awareness([13, 1, { n: 1 }])]
  raw.send(Buffer.concat(messages))
  await raw.until(() => raw.of('update').length === 3, 'three echoes')
  raw.send(Buffer.concat([wire.step1(Uint8Array.of(0)), Uint8Array.of(0)]))
  await raw.until(() => raw.of('step2').length === 2, 'the second answer')
  assert.deepEqual(mapOf(raw.of('step2')[1].body), { a: 'a', b: 'b', c: 'c' })
  assert.equal(raw.closed, null)
  await raw.close()
})

test('W3: a message in WebSocket fragments counts as one', async () => {
  const raw = await Raw.open(fresh())
  const bytes = wire.step1(Uint8Array.of(0))
  raw.socket.send(bytes.subarray(0, 1), { fin: false })
  raw.socket.send(bytes.subarray(1, 3), { fin: false })
  raw.socket.send(bytes.subarray(3), { fin: true })
  await raw.until(() => raw.of('step2').length === 1, 'an answer')
  await raw.close()
})

test('W6: messages of unknown types are ignored and the socket stays', async () => {
  const raw = await Raw.join(fresh())
  raw.send(Uint8Array.of(102, 3, 1, 2, 3), Uint8Array.of(0x80, 0x80, 0x01))
  await raw.settle()
  assert.equal(raw.closed, null)
  await raw.close()
})

test('G3: an update with nothing in it is harmless', async () => {
  const raw = await Raw.join(fresh())
  raw.send(wire.update(EMPTY_UPDATE), wire.step2(EMPTY_UPDATE))
  await raw.settle()
  assert.equal(raw.closed, null)
  await raw.close()
})

test('W6: query awareness is answered with all who are there', async () => {
  const url = fresh()
  const [asking, other] = [await Raw.join(url), await Raw.join(url)]
  other.send(wire.awareness([21, 1, { name: 'other' }]))
  const names = socket => socket.of('awareness').flatMap(({ entries }) => entries)
    .filter(([client, , state]) => client === 21 && state?.name === 'other').length
  await asking.until(() => names(asking) === 1, 'the other one')
  asking.send(wire.queryAwareness())
  await asking.until(() => names(asking) === 2, 'an answer')
  await asking.close()
  await other.close()
})

test('a client that closes is answered at once', async () => {
  const raw = await Raw.join(fresh())
  raw.socket.close(1000, 'bye')
  await raw.until(() => raw.closed !== null, 'close', 1000)
  assert.notEqual(raw.closed.code, 1006, 'no close frame came back')
})

test('A1 A2: cursors of a burst coalesce, and relays of what is known are passed to nobody', async () => {
  const url = fresh()
  const [mover, viewer] = [await Raw.join(url), await Raw.join(url)]
  const of = (socket, id) => socket.of('awareness').filter(({ entries }) => entries.some(([client]) => client === id))
  const last = (socket, id) => of(socket, id).at(-1)?.entries.find(([client]) => client === id)[2]
  viewer.send(wire.awareness([32, 1, { step: 0 }]))
  for (let clock = 1; clock <= 500; clock++) mover.send(wire.awareness([31, clock, { step: clock }]))
  await viewer.until(() => last(viewer, 31)?.step === 500, 'the last step')
  assert.ok(of(viewer, 31).length < 100, `${of(viewer, 31).length} messages for a burst of 500`)

  const [heardByMover, heardByViewer] = [of(mover, 31).length, of(viewer, 31).length]
  for (let relay = 0; relay < 300; relay++) viewer.send(wire.awareness([31, 500, { step: 500 }]))
  await viewer.settle()
  viewer.send(wire.awareness([32, 2, { step: 1 }]))
  await mover.until(() => last(mover, 32)?.step === 1, 'what came after the relays')
  await viewer.until(() => last(viewer, 32)?.step === 1 || viewer.closed, 'what came after the relays')
  // Either socket may have been in the middle of one tick when the relays began.
  assert.ok(of(mover, 31).length <= heardByMover + 1 && of(viewer, 31).length <= heardByViewer + 1)
  await mover.close()
  await viewer.close()
})

test('R10: an early update is kept from others and asked for, and taken once it is complete', async () => {
  const url = fresh()
  const { doc, map, updates } = author(41)
  map.set('a', 1)
  map.set('b', 2)
  const [early, other] = [await Raw.join(url), await Raw.join(url)]
  const asked = early.of('step1').length
  early.send(wire.update(updates[1]), wire.update(updates[1]))
  await early.until(() => early.of('step1').length > asked, 'a step 1')
  await early.settle()
  assert.equal(early.of('step1').length, asked + 1, 'asked once')
  await other.settle()
  assert.deepEqual(other.of('update'), [])
  early.send(wire.step2(Y.encodeStateAsUpdate(doc)))
  await other.until(() => other.of('update').length > 0, 'the whole')
  assert.deepEqual(mapOf(...other.of('update').map(({ body }) => body)), { a: 1, b: 2 })
  await early.close()
  await other.close()
})

test('R6: a known update is echoed, a known step 2 is not', async () => {
  const url = fresh()
  const { doc, map, updates } = author(51)
  map.set('k', 'v')
  const raw = await Raw.join(url)
  raw.send(wire.update(updates[0]))
  await raw.until(() => raw.of('update').length === 1, 'the echo')
  raw.send(wire.update(updates[0]))
  await raw.until(() => raw.of('update').length === 2, 'the echo of a known update')
  assert.deepEqual(raw.of('update')[1].body, updates[0])
  raw.send(wire.step2(Y.encodeStateAsUpdate(doc)))
  await raw.settle()
  map.set('after', 1)
  raw.send(wire.update(updates[1]))
  await raw.until(() => raw.of('update').length === 3, 'the next echo')
  assert.deepEqual(mapOf(updates[0], raw.of('update')[2].body), { k: 'v', after: 1 })
  await raw.close()
})

// All at once: a client that is sent away is held for some seconds first.
describe('G4 C1 C2: what breaks the protocol is closed with a code that says so', { concurrency: true }, () => {
  const cases = [
    ['a text frame', 'text', [4400]],
    ['an empty frame', '', [4400]],
    ['a sync message without a kind', '00', [4400]],
    ['an unknown sync kind', '000700', [4400]],
    ['a length beyond the frame', '00020501', [4400]],
    ['a length of 2^40', '000280808080802001', [4400]],
    ['a varint without an end', '00ffffffffffffffffffff', [4400]],
    ['a state vector of no bytes', '000000', [4400]],
    ['a state vector that declares too much', '000005ffffffff0f', [4400]],
    ['an update of no bytes', '000200', [4400, 4422]],
    ['a step 2 of no bytes', '000100', [4400, 4422]],
    ['an update that is garbage', '000203ff0102', [4400, 4422]],
    ['an awareness message that declares 2^28 entries', '0105ffffffff0f', [4400]],
    ['an awareness state that is not JSON', `01${'0801010105'}${Buffer.from('{bad}').toString('hex')}`, [4400]]
  ]
  for (const [what, hex, codes] of cases) {
    test(what, async () => {
      const raw = await Raw.join(fresh())
      raw.socket.send(hex === 'text' ? 'hello' : Buffer.from(hex, 'hex'))
      await raw.until(() => raw.closed !== null, 'close')
      assert.ok(codes.includes(raw.closed.code), raw.state())
      assert.notEqual(raw.closed.reason, '')
      assert.equal(raw.of('denied').length, 1, 'old clients print the reason')
    })
  }

  test('a message above the limit', async () => {
    const raw = await Raw.join(fresh())
    raw.send(new Uint8Array(SMALLEST_LIMIT + 1))
    await raw.until(() => raw.closed !== null, 'close')
    assert.equal(raw.closed.code, 4413)
  })

  test('one who breaks it does not disturb the room', async () => {
    const url = fresh()
    const [good, bad] = [await Raw.join(url), await Raw.join(url)]
    const { map, updates } = author(61)
    bad.send(Uint8Array.of(0, 2, 3, 255, 1, 2))
    map.set('k', 'v')
    good.send(wire.update(updates[0]))
    await good.until(() => good.of('update').length === 1, 'the echo')
    await bad.until(() => bad.closed !== null, 'close')
    assert.equal(good.closed, null)
    const late = await Raw.join(url)
    assert.deepEqual(mapOf(late.of('step2')[0].body), { k: 'v' })
    await good.close()
    await late.close()
  })
})
