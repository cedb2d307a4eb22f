// A large board over a slow line: it opens in every client, although Yjs clients give up on a socket that brings no whole message
// for 30 s, and the room goes on meanwhile.
//
// `SLOW_MB` and `SLOW_KBPS` choose the board and the line of the first test. The one rule: the line must be slow enough that the
// board takes longer than the clients' patience, or the test would show nothing; it checks that.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import * as Y from 'yjs'
import { board } from './harness/board.mjs'
import { canonical } from './harness/canonical.mjs'
import { Line } from './harness/line.mjs'
import { Member, until } from './harness/member.mjs'
import { IMPLEMENTATIONS, Implementation, NODE_VERSIONS } from './harness/peers.mjs'
import { Random } from './harness/random.mjs'
import { Raw } from './harness/raw.mjs'
import { Server } from './harness/server.mjs'
import * as wire from './harness/wire.mjs'

const SEED = Number(process.env.SEED ?? 1)
const BOARD_BYTES = Number(process.env.SLOW_MB ?? 9) * 1e6
const LINE_BYTES_PER_SECOND = Number(process.env.SLOW_KBPS ?? 220) * 1e3
/** pycrdt sends all that it receives back to where it came from; with a board as large as one likes that would be another test. */
const CLIENTS = process.env.SLOW_MB === undefined ? IMPLEMENTATIONS : NODE_VERSIONS
/** What Yjs clients wait for a message. */
const PATIENCE_MS = 30_000
/** How long the board may take: twice what the line needs, for a busy machine. */
const OPEN_MS = 2000 * BOARD_BYTES / LINE_BYTES_PER_SECOND + 20_000
/** How long the room may take to hear an edit, and a client to settle, while others are sent a large board. */
const HEAR_MS = 15_000
/** Updates, of some 30 KB each, that are sent before their echoes are read: whoever does not read falls behind and is sent away. */
const WAVE = 200
const STORE_MS = 30_000
/** Between two edits of the one who goes on editing. */
const PACE_MS = 200
/** A board for the sockets without a client: some times what is sent in one piece. */
const RAW_BYTES = 5e6
const WHOLE_BYTES = 1 << 20
/** A part is about 256 KiB; a struct, here of 3 KB at most, is never cut. */
const PART_BYTES = 300e3
const EMPTY_UPDATE = Uint8Array.of(0, 0)
/** Its echo comes once everything before it is stored. */
const BARRIER = wire.update(EMPTY_UPDATE)

console.log(`seed ${SEED}`)

/** Puts a board into a room and waits until all of it is stored. */
async function fill (url, { updates }) {
  const raw = await Raw.join(url)
  for (let at = 0; at < updates.length; at += WAVE) {
    const before = raw.frames.length
    raw.send(...updates.slice(at, at + WAVE).map(wire.update), BARRIER)
    const echoed = () => raw.frames.length > before && Buffer.compare(raw.frames.at(-1), BARRIER) === 0
    await raw.until(() => echoed() || raw.closed !== null, 'echo of what was stored', STORE_MS)
    assert.equal(raw.closed, null)
  }
  await raw.close()
}

/** What a doc shows, as the clients tell it. */
function content (doc) {
  return { map: doc.getMap('map').toJSON(), list: doc.getArray('list').toJSON(), text: doc.getText('text').toString() }
}

/** The board's own part of a content: nobody who edits while it is sent touches that. */
function drawn ({ map, text }) {
  return canonical({ map: Object.fromEntries(Object.entries(map).filter(([key]) => key.startsWith('shape:'))), text })
}

/** Compares long texts; what `assert.equal` says about millions of characters takes minutes and helps nobody. */
function same (actual, expected, what) {
  if (actual === expected) return
  let at = 0
  while (actual[at] === expected[at]) at++
  const around = text => text.slice(Math.max(0, at - 40), at + 60)
  assert.fail(`${what}: differs at ${at} of ${expected.length}: ${around(actual)} instead of ${around(expected)}`)
}

describe('slow lines', () => {
  let server
  before(async () => { server = await Server.start() })
  after(async () => {
    await server.end()
    assert.deepEqual(Raw.misframed, [])
  })

  test('W5: every client opens a board that takes its line longer than the client\'s patience, while all go on editing', async () => {
    const room = 'slow/clients'
    const whole = board(new Random(SEED), BOARD_BYTES)
    await fill(`${server.url}/${room}`, whole)
    const expectedDrawn = drawn(content(whole.doc))
    const quick = new Member('quick', '3.1.0', server.url, room)
    const all = CLIENTS.map(name => new Implementation(name))
    const lines = []
    let editing = true
    try {
      quick.provider.connect()
      await until(() => quick.joined, () => 'the quick client did not join', HEAR_MS)
      same(drawn(content(quick.doc)), expectedDrawn, 'the quick client')
      const map = quick.doc.getMap('map')

      const goOn = async () => {
        for (let edits = 1; editing; edits++) {
          map.set('quick', edits)
          map.set(`quick:${edits}`, 'zażółć')
          await delay(PACE_MS)
        }
      }
      const opened = async clients => {
        const line = await Line.to(server.port, LINE_BYTES_PER_SECOND)
        lines.push(line)
        const start = Date.now()
        const peer = await clients.open(line.url, room)
        // Some versions open the next socket before the one that they gave up has closed.
        const lost = Promise.race([peer.until('closes', 1, OPEN_MS), peer.until('opens', 2, OPEN_MS)]).then(() => {
          throw new Error(`${clients.name} lost its connection after ${Date.now() - start} ms and ${line.passed} bytes`)
        })
        const synced = async () => {
          // The greeting, and some of the board.
          await peer.until('received', 5, OPEN_MS)
          await peer.edit(['set', `slow:${clients.name}`, 'here'], ['set', 'everyone', clients.name], ['push', clients.name])
          await until(() => map.get(`slow:${clients.name}`) === 'here', () => `nobody hears ${clients.name}`, HEAR_MS)
          assert.ok(line.passed < 0.9 * whole.bytes, `${clients.name} was heard only when its board was there`)
          await peer.until('synced', null, OPEN_MS)
          const took = Date.now() - start
          same(drawn(await peer.content()), expectedDrawn, `${clients.name} once it says that it is synced`)
          return took
        }
        const took = await Promise.race([synced(), lost])
        assert.ok(took > PATIENCE_MS, `the board was there after ${took} ms: that shows nothing`)
        return { peer, took }
      }

      const going = goOn()
      // All of them to the end, also where one fails: an edit that fails says more than the clean-up after it.
      const outcomes = await Promise.allSettled(all.map(opened)).finally(() => { editing = false })
      await going
      const failed = outcomes.filter(({ status }) => status === 'rejected').map(({ reason }) => reason.message.slice(0, 500))
      assert.deepEqual(failed, [])
      const peers = outcomes.map(({ value }) => value)
      console.log(`${whole.bytes} bytes at ${LINE_BYTES_PER_SECOND} a second: ` +
        peers.map(({ peer, took }) => `${peer.implementation.name} ${(took / 1000).toFixed(1)} s`).join(', ') +
        `; meanwhile ${map.get('quick')} edits`)

      await quick.committed()
      const expected = canonical(content(quick.doc))
      for (const { peer } of peers) {
        const { name } = peer.implementation
        let last
        const equal = async () => (last = canonical(await peer.content())) === expected
        await until(equal, () => `${name} differs`, HEAR_MS).catch(() => same(last, expected, name))
        const { opens, closes } = await peer.facts()
        assert.deepEqual({ opens: opens.length, closes }, { opens: 1, closes: [] }, name)
      }
      assert.equal(quick.step2s, 1, 'the quick client lost its connection')
      assert.deepEqual(quick.doc.getArray('list').toArray().filter(entry => typeof entry === 'string').sort(), [...CLIENTS].sort())
    } finally {
      editing = false
      await Promise.all(all.map(clients => clients.end()))
      await Promise.all(lines.map(line => line.end()))
      quick.end()
    }
  })

  describe('byte by byte', () => {
    const whole = board(new Random(SEED), RAW_BYTES)
    const expected = canonical(content(whole.doc))
    // What Yjs itself would send: deleted content is garbage, which the server may have collected or not.
    const leastBytes = Y.encodeStateAsUpdate(whole.doc).length
    assert.ok(leastBytes > RAW_BYTES / 2, `${leastBytes} bytes of the board are there to stay`)
    let url
    before(async () => {
      url = `${server.url}/slow/raw`
      await fill(url, whole)
    })

    /** A doc that took the board's first updates. */
    function early (count) {
      const doc = new Y.Doc()
      for (const update of whole.updates.slice(0, count)) Y.applyUpdate(doc, update)
      return doc
    }

    /** Takes what was sent; after each message nothing is waiting for a later one. */
    function take (doc, messages) {
      for (const [at, { body }] of messages.entries()) {
        Y.applyUpdate(doc, body)
        assert.equal(doc.store.pendingStructs, null, `part ${at} builds on what comes later`)
        assert.equal(doc.store.pendingDs, null, `part ${at} deletes what comes later`)
      }
      same(canonical(content(doc)), expected, 'all that was sent')
    }

    /** The messages of the sync protocol, without the greeting. */
    function synced (raw) {
      const [greeting, ...rest] = raw.messages.flat().filter(({ kind }) => kind !== 'awareness')
      assert.equal(greeting.kind, 'step1')
      return rest
    }

    /** Checks that an answer came in parts, and that the step 2 after them is empty. */
    function inParts (answer, least) {
      const [parts, last] = [answer.slice(0, -1), answer.at(-1)]
      assert.deepEqual(new Set(parts.map(({ kind }) => kind)), new Set(['update']))
      assert.deepEqual(last, { kind: 'step2', body: EMPTY_UPDATE })
      const sizes = parts.map(({ body }) => body.length)
      assert.ok(Math.max(...sizes) < PART_BYTES, `parts of ${sizes}`)
      assert.ok(sizes.reduce((sum, size) => sum + size, 0) > least, `parts of ${sizes}`)
      const deleting = parts.filter(({ body }) => Y.decodeUpdate(body).ds.clients.size > 0).length
      assert.ok(deleting > parts.length / 2, `${deleting} of ${parts.length} parts come with deletes: who waits for the rest sees what is gone`)
    }

    test('W5: whoever has nothing is sent small parts, each complete with those before it, and then an empty step 2', async () => {
      const raw = await Raw.join(url)
      inParts(synced(raw), 0.9 * leastBytes)
      take(new Y.Doc(), synced(raw))
      await raw.close()
    })

    test('W5: whoever comes back and lacks a little is sent one step 2', async () => {
      const doc = early(whole.updates.length - 5)
      assert.notEqual(canonical(content(doc)), expected)
      const raw = await Raw.join(url, Y.encodeStateVector(doc))
      const [answer, ...more] = synced(raw)
      assert.deepEqual([answer.kind, more], ['step2', []])
      assert.ok(answer.body.length < WHOLE_BYTES)
      take(doc, [answer])
      await raw.close()
    })

    test('W5: whoever comes back and lacks much is sent that in parts', async () => {
      const doc = early(Math.floor(whole.updates.length / 2))
      const raw = await Raw.join(url, Y.encodeStateVector(doc))
      inParts(synced(raw), 0.4 * leastBytes)
      take(doc, synced(raw))
      await raw.close()
    })

    test('W5: step 1s in a row are answered one after the other', async () => {
      const nothing = Uint8Array.of(0)
      const everything = Y.encodeStateVector(whole.doc)
      const raw = await Raw.open(url)
      raw.send(...[everything, nothing, everything, nothing].map(wire.step1))
      await raw.until(() => raw.of('step2').length === 4, 'four answers')
      // Whatever else would come, a fifth answer too, comes before this one.
      await raw.settle(everything)
      const answers = [[]]
      for (const message of synced(raw)) {
        answers.at(-1).push(message)
        if (message.kind === 'step2') answers.push([])
      }
      assert.deepEqual(answers.map(({ length }) => length > 1), [false, true, false, true, false, false])
      for (const [onlyDeletes] of [answers[0], answers[2], answers[4]]) {
        const { structs, ds } = Y.decodeUpdate(onlyDeletes.body)
        assert.deepEqual([structs.length, ds.clients.size], [0, 3])
      }
      for (const answer of [answers[1], answers[3]]) {
        inParts(answer, 0.9 * leastBytes)
        take(new Y.Doc(), answer)
      }
      assert.deepEqual(answers[5], [])
      await raw.close()
    })
  })
})
