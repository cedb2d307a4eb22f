// People on several nodes who edit at random, come and go and move between nodes, and what must hold of it all in the end.
//
// Knows nothing of what goes wrong meanwhile. The one rule: what is judged is content, compared with Yjs: at quiet all show the same,
// what is stored shows it too when each row is applied after those before it, and a cold start from the database alone shows every echo.

import assert from 'node:assert/strict'
import * as Y from 'yjs'
import { canonical } from './canonical.mjs'
import { Echoes, holds, joined } from './echoes.mjs'
import { edit, shown, undoManager } from './edits.mjs'
import { Member, until } from './member.mjs'

const MEMBERS = 6
const EDITS = 60
/** Nodes see each other once a second where they have no bus, and databases on busy machines take their time. */
const QUIET_MS = 60_000

/**
 * Lets people draw on a cluster for some rounds, in each of which `trouble` happens once; judges what comes of it and says how much it was.
 * The cluster is ended.
 */
export async function drawTogether ({ random, cluster, room, rounds, trouble }) {
  const met = { edits: 0, moves: 0, echoes: 0, rows: 0, snapshots: 0 }
  const people = Array.from({ length: MEMBERS }, (_, at) => {
    const echoes = new Echoes()
    const name = `client ${at}`
    const url = cluster.urls[at % cluster.urls.length]
    const member = new Member(name, random.chance(0.5) ? '1.5.4' : '3.1.0', url, room, { onMessage: echoes.onMessage })
    echoes.watch(member.doc, origin => origin === name)
    return { name, member, echoes, undo: undoManager(member.doc, name) }
  })
  const members = people.map(({ member }) => member)
  try {
    for (const { provider } of members) provider.connect()
    await until(() => members.every(({ joined }) => joined), () => 'not joined')
    for (let round = 0; round < rounds; round++) {
      await Promise.all([edits(random, people, cluster, met), trouble()])
    }
    for (const { provider } of members) provider.connect()
    await quiet(members)
    const expected = canonical(shown(members[0].doc))
    for (const url of cluster.urls) {
      const late = new Member('late joiner', '3.1.0', url, room)
      members.push(late)
      late.provider.connect()
    }
    await quiet(members)
    assert.equal(canonical(shown(members.at(-1).doc)), expected, 'newcomers change nothing')
    await Promise.all(members.map(member => member.committed()))
    for (const { provider } of members) provider.disconnect()

    await cluster.killAll()
    await inOrder(cluster, room, expected, met)
    await cluster.nodes[0].restart()
    const cold = await joined(cluster.nodes[0].url, room)
    for (const { name, echoes } of people) holds(cold, name, echoes.heard)
    assert.equal(canonical(shown(cold)), expected, 'after a cold start')
    met.echoes += people.reduce((sum, { echoes }) => sum + echoes.heard.length, 0)
    return met
  } catch (error) {
    error.message = `${room}: ${error.message}\n${cluster.log}`
    throw error
  } finally {
    for (const member of members) member.end()
    await cluster.end()
  }
}

async function edits (random, people, cluster, met) {
  for (let count = 0; count < EDITS; count++) {
    const { name, member, undo } = random.pick(people)
    edit(random, member.doc, name, undo)
    met.edits++
    if (random.chance(0.4)) await new Promise(resolve => setTimeout(resolve, random.below(12)))
    const { member: other } = random.pick(people)
    if (random.chance(0.03)) other.drop()
    if (random.chance(0.03)) other.provider.disconnect()
    if (random.chance(0.08)) other.provider.connect()
    if (random.chance(0.05)) {
      other.moveTo(random.pick(cluster.urls))
      met.moves++
    }
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
  }, () => `not quiet: ${canonical(state().map(({ shown, ...rest }) => ({ ...rest, shown: canonical(shown).slice(0, 300) })))}`, QUIET_MS)
}

/** What is stored shows what the clients show, on whichever snapshot, each row applied after those before it. */
async function inOrder (cluster, room, expected, met) {
  const rows = await cluster.rows(room)
  const snapshots = await cluster.snapshots(room)
  met.rows += rows.length
  met.snapshots += snapshots.length
  const head = rows.at(-1)?.head ?? snapshots[0].seq
  assert.deepEqual(rows.map(({ seq }) => seq), rows.map((_, at) => head - rows.length + at + 1), 'numbers without a gap, up to the head')
  const first = head - rows.length + 1
  const bases = [...snapshots, { version: 0, seq: 0, data: new Uint8Array([0, 0]) }].filter(({ seq }) => seq + 1 >= first)
  assert.ok(bases.length > 0, 'a snapshot and all rows after it')
  for (const { version, seq: covered, data } of bases) {
    const replica = new Y.Doc()
    const apply = (bytes, what) => {
      Y.applyUpdate(replica, bytes)
      assert.equal(replica.store.pendingStructs, null, `${what} builds on what comes later`)
      assert.equal(replica.store.pendingDs, null, `${what} deletes what comes later`)
    }
    apply(data, `snapshot ${version}`)
    for (const { seq, bytes } of rows.filter(({ seq }) => seq > covered)) apply(bytes, `row ${seq}`)
    assert.equal(canonical(shown(replica)), expected, `snapshot ${version} and the rows after it, applied by Yjs`)
  }
}
