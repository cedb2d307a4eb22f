// A rolling restart: one node after the other is told to stop and started again, behind nginx, while people draw.
//
// What came back to its author must be there afterwards, and nobody may be away for long. How many there are is told by the environment.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LACKING } from '../interop/harness/cluster.mjs'
import { until } from '../interop/harness/member.mjs'
import { Painter, converge, judge } from '../interop/harness/painter.mjs'
import { Random } from '../interop/harness/random.mjs'
import { Proxied, ready } from './harness/proxied.mjs'

const NODES = Number(process.env.NODES ?? 2)
const CLIENTS = Number(process.env.CLIENTS ?? 30)
const ROOMS = Number(process.env.ROOMS ?? CLIENTS)
const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 32)
/** The longest that anybody may be without a synced connection. */
const AWAY_MS = 5_000
/** The longest pause between two edits of a person. One process plays all people and takes in each edit once for everybody in the room, so where
there are many it must be longer, or what is measured is that process. */
const STROKE_MS = Math.max(100, CLIENTS * (CLIENTS / ROOMS) / 4)

test(`S1: a rolling restart of ${NODES} nodes under ${CLIENTS} people in ${ROOMS} rooms loses nothing and nobody (SEED=${SEED})`, { skip: LACKING }, async t => {
  const random = new Random(SEED)
  const cluster = await Proxied.start(NODES, { SCRIBLE_DRAIN_DELAY_SECONDS: '1' })
  const painters = Array.from({ length: CLIENTS }, (_, at) => {
    return new Painter(cluster.url, `rolling/${at % ROOMS}`, at % 2 ? '1.5.4' : '3.1.0')
  })
  const absences = painters.map(({ member }) => new Absences(member.provider))
  try {
    for (const { member } of painters) {
      // As applications have it.
      member.provider.maxBackoffTime = 2_500
      member.provider.connect()
    }
    await until(() => painters.every(({ member }) => member.joined), () => 'not everybody came')
    const drawing = painters.map(painter => painter.draw(random, STROKE_MS))
    await echoed()
    for (const node of cluster.nodes) {
      const before = absences.map(({ ended }) => ended.length)
      const { connections } = JSON.parse((await node.get('/health')).body)
      assert.equal(await node.stop(), 0, node.log)
      await node.restart()
      await ready(node)
      await until(() => painters.every(({ member }) => member.joined), () => 'not everybody came back')
      const moved = absences.filter(({ ended }, at) => ended.length > before[at]).length
      assert.ok(connections > 0 && moved >= connections, `${moved} of ${connections} came back`)
      await echoed()
    }
    painters.forEach(painter => { painter.drawing = false })
    await Promise.all(drawing)
    await Promise.all(painters.map(({ member }) => member.committed()))
    for (const room of new Set(painters.map(({ room }) => room))) {
      const here = painters.filter(painter => painter.room === room)
      await converge(here)
      await judge(cluster, room, here)
    }
    // Whom a node that stops refuses, nginx has brought to another one.
    assert.deepEqual([...new Set(cluster.nginx.requests.map(({ status }) => status))], ['101'])
    const longest = Math.max(...absences.flatMap(({ ended }) => ended))
    assert.ok(longest < AWAY_MS, `somebody was away for ${longest} ms`)
    const times = absences.reduce((sum, { ended }) => sum + ended.length, 0)
    const echoes = painters.reduce((sum, { echoes }) => sum + echoes.length, 0)
    t.diagnostic(`${echoes} echoed updates are there; away ${times} times, for ${Math.round(longest)} ms at most`)
  } catch (error) {
    error.message = `SEED=${SEED}: ${error.message}\n${cluster.log}`
    throw error
  } finally {
    painters.forEach(painter => { painter.drawing = false })
    for (const { member } of painters) member.end()
    await cluster.end()
  }

  /** Waits until something more came back to everybody. */
  async function echoed () {
    const before = painters.map(({ echoes }) => echoes.length)
    await until(() => painters.every(({ echoes }, at) => echoes.length > before[at]), () => 'somebody draws without an echo')
  }
})

/** How long a provider was without a synced connection, each time that it lost one. */
class Absences {
  /** In milliseconds. */
  ended = []
  #since = null

  constructor (provider) {
    provider.on('status', ({ status }) => {
      if (status === 'disconnected') this.#since ??= performance.now()
    })
    provider.on('sync', synced => {
      if (!synced || this.#since === null) return
      this.ended.push(performance.now() - this.#since)
      this.#since = null
    })
  }
}
