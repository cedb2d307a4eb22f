// The whole server stands still for a while, as a machine does that is suspended or that swaps, while people go on drawing.
//
// FROZEN_SECONDS says how long. Beyond 30 the clients lose patience and knock at a door that nobody opens; from 45 on the server finds all its
// connections dead when it wakes up.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { until } from './harness/member.mjs'
import { Painter, converge, judge } from './harness/painter.mjs'
import { Random } from './harness/random.mjs'
import { Server } from './harness/server.mjs'

const SECONDS = Number(process.env.FROZEN_SECONDS ?? 3)
const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 32)
const ROOM = 'frozen'

test(`J4 R11: a server that stands still for ${SECONDS} s: nothing is lost and all converge (SEED=${SEED})`, async t => {
  const random = new Random(SEED)
  const server = await Server.start()
  const painters = ['1.5.4', '3.1.0', '3.1.0'].map(version => new Painter(server.url, ROOM, version))
  const echoes = () => painters.reduce((sum, { echoes }) => sum + echoes.length, 0)
  try {
    for (const { member } of painters) member.provider.connect()
    await until(() => painters.every(({ member }) => member.joined), () => 'not everybody came')
    const drawing = painters.map(painter => painter.draw(random))
    await until(() => painters.every(({ echoes }) => echoes.length > 10), () => 'too little was echoed')
    server.signal('SIGSTOP')
    await server.stands()
    // What was on its way arrives; after that nothing does.
    await new Promise(resolve => setTimeout(resolve, 500))
    const before = echoes()
    await new Promise(resolve => setTimeout(resolve, SECONDS * 1000 - 500))
    assert.equal(echoes(), before, 'it stood still')
    server.signal('SIGCONT')
    await until(() => painters.every(({ member }) => member.joined), () => 'not everybody came back', 60_000)
    const after = painters.map(({ echoes }) => echoes.length)
    await until(() => painters.every(({ echoes }, at) => echoes.length > after[at]), () => 'nothing was echoed afterwards', 60_000)
    painters.forEach(painter => { painter.drawing = false })
    await Promise.all(drawing)
    // A client that has lost its patience may be closing its old socket still, so an answer over that says nothing.
    const all = async () => {
      const cold = await judge(server, ROOM, painters)
      return painters.every(({ member: { doc } }) => Y.getState(cold.store, doc.clientID) === Y.getState(doc.store, doc.clientID))
    }
    await until(all, () => 'the room lacks what was drawn', 60_000)
    await converge(painters)
    // What is not echoed yet is stored once an update is that comes after it.
    await Promise.all(painters.map(({ member }) => member.committed()))
    await server.kill()
    await server.restart()
    assert.ok(await all(), 'everything that was drawn is there after a cold start')
    t.diagnostic(`${echoes()} echoed updates were there, ${before} of them from before`)
  } catch (error) {
    error.message = `SEED=${SEED}: ${error.message}\nthe server said: ${server.log.slice(-2000)}`
    throw error
  } finally {
    for (const { member } of painters) member.end()
    server.signal('SIGCONT')
    await server.end()
  }
})
