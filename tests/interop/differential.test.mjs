// Random edits by real clients over real sockets, with everything that goes wrong in between, compactions and versions at random points
// included: at quiet all must show the same, and what the server has stored must show it too when Yjs applies it, on whichever snapshot.
//
// Two of the clients are sibling tabs that hand each other updates directly and unreliably, so that the server meets updates
// before what they build on, and clients that wait for something themselves. `SEEDS=n` runs more seeds, `SEED=k` begins there.
// The one rule: a seed that ever failed goes into `NAMED` and stays.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as Y from 'yjs'
import { canonical } from './harness/canonical.mjs'
import { edit, shown, undoManager } from './harness/edits.mjs'
import { Member, until } from './harness/member.mjs'
import { Random } from './harness/random.mjs'
import { Server } from './harness/server.mjs'
import { Store } from './harness/store.mjs'

/** Seeds that failed once, with what they showed. */
const NAMED = {}
const FIRST = Number(process.env.SEED ?? 1)
const SEEDS = Number(process.env.SEEDS ?? 12)
const MEMBERS = 5
const ROUNDS = 5
const EDITS = 80

const seeds = [...Object.keys(NAMED).map(Number), ...Array.from({ length: SEEDS }, (_, at) => FIRST + at)]
/** What the seeds met, so that a run in which nothing happened is seen as one. */
const met = { edits: 0, rows: 0, asked: 0, waiting: 0, restarts: 0, unloads: 0, snapshots: 0, reserves: 0, kept: 0 }

describe('R11 R12 K4 K5 K6: differential', { concurrency: Number(process.env.JOBS ?? 2) }, () => {
  for (const seed of new Set(seeds)) {
    test(`seed ${seed}${NAMED[seed] === undefined ? '' : ` (${NAMED[seed]})`}`, () => run(seed))
  }
})

test('the seeds met what they are for', () => {
  console.log(`${seeds.length} seeds: ${canonical(met)}`)
  assert.ok(met.edits > 50 * seeds.length, 'edits')
  assert.ok(met.restarts + met.unloads > seeds.length / 2, 'rooms that were loaded again')
  assert.ok(met.rows > 10 * seeds.length, 'journal rows')
  assert.ok(met.snapshots > seeds.length && met.reserves > seeds.length / 3, 'snapshots')
  assert.ok(met.kept > 0 || seeds.length < 6, 'versions that somebody asked for')
  // Several a seed; with few seeds there may be none.
  assert.ok(met.asked > 0 || seeds.length < 6, 'early updates')
  assert.ok(met.waiting > 0 || seeds.length < 6, 'clients that wait for something that a sibling did not hand over')
})

async function run (seed) {
  const random = new Random(seed)
  const server = await Server.start({
    SCRIBLE_ROOM_IDLE_SECONDS: String(random.below(2)),
    SCRIBLE_COMPACT_ROWS: random.pick(['3', '20', '10000']),
    SCRIBLE_VERSION_INTERVAL_SECONDS: '1'
  })
  const room = `differential/${seed}`
  const lags = [0, 0, 0, 20, 5]
  const members = Array.from({ length: MEMBERS }, (_, at) => {
    const lag = lags[at]
    return new Member(`client ${at}`, random.chance(0.5) ? '1.5.4' : '3.1.0', server.url, room, {
      lagMs: () => (lag === 0 ? 0 : random.below(lag))
    })
  })
  const undos = members.map(({ doc, name }) => undoManager(doc, name))
  let store
  try {
    connectTabs(random, members.slice(-2))
    for (const { provider } of members) provider.connect()
    for (let round = 0; round < ROUNDS; round++) {
      await Promise.all([edits(random, members, undos), keepVersions(random, server, room)])
      met.waiting += members.filter(({ pending }) => pending).length
      await trouble(random, server, members)
    }
    for (const { provider } of members) provider.connect()
    await quiet(members)
    const expected = canonical(shown(members[0].doc))

    const late = new Member('late joiner', '3.1.0', server.url, room)
    members.push(late)
    late.provider.connect()
    await until(() => late.joined && canonical(shown(late.doc)) === expected, () => differs(late.doc, expected))

    store = new Store(server.database)
    await atRest(members, store, room, expected)
    met.asked += members.reduce((sum, { asked }) => sum + asked, 0)
  } catch (error) {
    error.message = `seed ${seed}: ${error.message}\nthe server said: ${server.log.slice(-2000)}`
    throw error
  } finally {
    for (const member of members) member.end()
    await store?.end()
    await server.end()
  }
}

/** Sibling tabs: an update of one reaches the other at once, some time later, or never; the socket carries it as well. */
function connectTabs (random, tabs) {
  // y-websocket does not pass on what a tab heard from a sibling; a provider of another make beside it would.
  const passedOn = random.chance(0.5)
  for (const [at, tab] of tabs.entries()) {
    const sibling = tabs[1 - at]
    tab.doc.on('update', (update, origin) => {
      if (origin !== tab.name && origin?.constructor !== Y.UndoManager) return
      if (random.chance(0.25)) return
      const deliver = () => sibling.overhear(update, passedOn ? 'sibling' : sibling.provider)
      random.chance(0.7) ? setImmediate(deliver) : setTimeout(deliver, random.below(30))
    })
  }
}

async function edits (random, members, undos) {
  for (let count = 0; count < EDITS; count++) {
    const at = random.below(members.length)
    edit(random, members[at].doc, members[at].name, undos[at])
    met.edits++
    if (random.chance(0.3)) await new Promise(resolve => setTimeout(resolve, random.below(4)))
    if (random.chance(0.05)) random.pick(members).drop()
    if (random.chance(0.04)) random.pick(members).provider.disconnect()
    if (random.chance(0.08)) random.pick(members).provider.connect()
  }
}

/** Somebody keeps a version now and then, from beside the server. */
async function keepVersions (random, server, room) {
  if (!random.chance(0.2)) return
  const { code, stderr } = await server.command('room', 'keep', room, '--label', 'a random point')
  // In the first moments there may be nothing to keep.
  if (code === 0) met.kept++
  else assert.match(stderr, /there is no such room/)
}

async function trouble (random, server, members) {
  const everybody = change => { for (const { provider } of members) provider[change]() }
  switch (random.below(5)) {
    case 0:
      await server.kill()
      met.restarts++
      await server.restart()
      break
    case 1:
      assert.equal(await server.stop(), 0, 'a server that stops has stored everything')
      met.restarts++
      await server.restart()
      break
    case 2:
      everybody('disconnect')
      if (server.env.SCRIBLE_ROOM_IDLE_SECONDS === '0' && random.chance(0.5)) {
        await until(async () => JSON.parse((await server.get('/health')).body).rooms === 0, () => 'the room is not unloaded')
        met.unloads++
      } else {
        // People come back while it is being unloaded, or before.
        await new Promise(resolve => setTimeout(resolve, random.below(60)))
      }
      everybody('connect')
      break
    case 3:
      everybody('connect')
      await quiet(members)
      break
    default:
  }
}

/** Waits until all clients have all there is. */
async function quiet (members) {
  const state = () => members.map(({ doc, joined, pending }) => ({
    joined, pending, vector: [...Y.decodeStateVector(Y.encodeStateVector(doc))].sort(([a], [b]) => a - b), shown: shown(doc)
  }))
  await until(() => {
    const [first, ...rest] = state()
    const same = one => canonical([one.vector, one.shown]) === canonical([first.vector, first.shown])
    return first.joined && !first.pending && rest.every(one => one.joined && !one.pending && same(one))
  }, () => `not quiet: ${canonical(state().map(({ shown, ...rest }) => ({ ...rest, shown: canonical(shown).slice(0, 400) })))}`)
}

/** What is stored shows what the clients show, and clients that come back with nothing new add nothing to it. */
async function atRest (members, store, room, expected) {
  await Promise.all(members.map(member => member.committed()))
  const head = await store.head(room)
  met.rows += head
  const snapshots = await store.snapshots(room)
  // Reading the rows last: meanwhile none is added, and some may only go that an older snapshot needs.
  const rows = await store.rows(room)
  met.snapshots += snapshots.length
  assert.deepEqual(rows.map(({ seq }) => seq), rows.map((_, at) => head - rows.length + at + 1), 'sequence numbers without a gap, up to the head')
  const first = head - rows.length + 1
  const bases = [...snapshots, { version: 0, seq: 0, data: new Uint8Array([0, 0]) }].filter(({ seq }) => seq + 1 >= first)
  assert.ok(bases.length > 0, 'a snapshot and all rows after it')
  if (bases.length > 1) met.reserves++
  for (const { version, seq: covered, data } of bases) {
    const replica = new Y.Doc()
    Y.applyUpdate(replica, data)
    assert.equal(replica.store.pendingStructs, null, `snapshot ${version} applies by itself`)
    assert.equal(replica.store.pendingDs, null, `snapshot ${version} applies by itself`)
    for (const { seq, bytes } of rows.filter(({ seq }) => seq > covered)) {
      Y.applyUpdate(replica, bytes)
      assert.equal(replica.store.pendingStructs, null, `row ${seq} builds on what comes later`)
      assert.equal(replica.store.pendingDs, null, `row ${seq} deletes what comes later`)
    }
    assert.equal(canonical(shown(replica)), expected, `snapshot ${version} and the rows after it, applied by Yjs`)
  }

  const counts = []
  for (let time = 0; time < 2; time++) {
    for (const { provider } of members) provider.disconnect()
    await until(() => members.every(({ provider }) => !provider.wsconnected && provider.ws === null), () => 'still connected')
    for (const { provider } of members) provider.connect()
    await until(() => members.every(({ joined }) => joined), () => 'not connected again')
    // Twice: the first empty update may overtake the client's answer to the greeting.
    await Promise.all(members.map(member => member.committed()))
    await Promise.all(members.map(member => member.committed()))
    counts.push(await store.head(room))
  }
  assert.equal(counts[1], counts[0], 'clients at rest that come back a second time add nothing to the journal')
  await quiet(members)
  assert.equal(canonical(shown(members[0].doc)), expected)
}

function differs (doc, expected) {
  return `differs: has ${canonical(shown(doc)).slice(0, 2000)}\nexpected ${expected.slice(0, 2000)}`
}
