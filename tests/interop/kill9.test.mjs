// Twenty times: people draw, one of them over a line that breaks all the time, the server is killed in the middle, and whatever had
// come back to its author is there after a cold start.
//
// What was sent but not echoed may be lost by the server; the clients still have it and bring it back.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from './harness/member.mjs'
import { Painter, converge, judge } from './harness/painter.mjs'
import { Random } from './harness/random.mjs'
import { Server } from './harness/server.mjs'

const ROUNDS = Number(process.env.ROUNDS ?? 20)
const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 32)
const ROOMS = ['kill9/one', 'kill9/two']
/** How long people draw before the server may be killed, at most. */
const DRAW_MS = 250
/** How long the worst line holds, at most: some of its edits come back over it. */
const LINE_MS = 60

test(`J4 K7: ${ROUNDS} times kill -9: no echoed update is lost (SEED=${SEED})`, async t => {
  const random = new Random(SEED)
  // Rooms are compacted all the time, so that some kills fall into that.
  const server = await Server.start({ SCRIBLE_COMPACT_ROWS: '50', SCRIBLE_VERSION_INTERVAL_SECONDS: '1' })
  const steady = ROOMS.flatMap(room => ['1.5.4', '3.1.0'].map(version => new Painter(server.url, room, version)))
  const restless = new Painter(server.url, ROOMS[0], '3.1.0')
  const painters = [...steady, restless]
  let breaks = 0
  try {
    for (let round = 0; round < ROUNDS; round++) {
      for (const { member } of painters) member.provider.connect()
      await until(() => painters.every(({ member }) => member.joined), () => 'not everybody came back')
      const before = steady.map(({ echoes }) => echoes.length)
      const drawing = painters.map(painter => painter.draw(random))
      drawing.push(breakLines())
      // From the first echo on, so that no round is empty.
      await until(() => steady.every(({ echoes }, at) => echoes.length > before[at]), () => 'nothing was echoed')
      await new Promise(resolve => setTimeout(resolve, random.below(DRAW_MS)))
      await server.kill()
      // Frames that are still on their way to a client were sent by the server: they count.
      await until(() => painters.every(({ member }) => !member.provider.wsconnected), () => 'a socket outlived the server')
      for (const { member } of painters) member.provider.disconnect()
      painters.forEach(painter => { painter.drawing = false })
      await Promise.all(drawing)
      await server.restart()
      await Promise.all(ROOMS.map(room => judge(server, room, painters.filter(painter => painter.room === room))))
    }
    for (const { member } of painters) member.provider.connect()
    for (const room of ROOMS) await converge(painters.filter(painter => painter.room === room))
    assert.ok(breaks > ROUNDS / 4 && restless.echoes.length > 0, `${breaks} broken lines, ${restless.echoes.length} echoes over them`)
    const echoes = painters.reduce((sum, { echoes }) => sum + echoes.length, 0)
    t.diagnostic(`${echoes} echoed updates were there, ${restless.echoes.length} of them over ${breaks} lines that broke`)
  } catch (error) {
    error.message = `SEED=${SEED}: ${error.message}\nthe server said: ${server.log.slice(-2000)}`
    throw error
  } finally {
    for (const { member } of painters) member.end()
    await server.end()
  }

  /** Cuts the worst line again and again, for as long as its owner draws. */
  async function breakLines () {
    while (restless.drawing) {
      await new Promise(resolve => setTimeout(resolve, random.below(LINE_MS)))
      if (!restless.member.joined) continue
      restless.member.drop()
      breaks++
    }
  }
})
