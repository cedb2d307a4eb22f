// Three nodes and a Redis that dies, forgets everything, is slow, breaks its lines, or loses, repeats and reorders what it carries.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Cluster, LACKING } from './harness/cluster.mjs'
import { Member, until } from './harness/member.mjs'
import { Random } from './harness/random.mjs'
import { Proxy, Redis } from './harness/redis.mjs'
import { drawTogether } from './harness/together.mjs'

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 32)
const ROUNDS = Number(process.env.ROUNDS ?? 5)
const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

describe(`N2 N3 N4 N5: a Redis that cannot be relied on (SEED=${SEED})`, { concurrency: 1, skip: LACKING }, () => {
  const cases = {
    'is killed and comes back empty': async ({ redis, random }) => {
      await pause(random.below(100))
      await redis.kill()
      await pause(random.below(1500))
      await redis.restart()
    },
    'forgets everything': async ({ redis, random }) => {
      await pause(random.below(200))
      await redis.ask('FLUSHALL')
    },
    'is half a second late': async ({ proxy }) => {
      proxy.delayMs = 500
    },
    'breaks its lines again and again': async ({ proxy, random }) => {
      for (let time = 0; time < 2; time++) {
        await pause(random.below(400))
        proxy.cut()
      }
    },
    'loses, repeats and reorders': async ({ proxy, random }) => {
      proxy.fate = () => random.pick(['pass', 'pass', 'drop', 'twice', 'late'])
    },
    'loses every message': async ({ proxy }) => {
      proxy.fate = () => 'drop'
    }
  }
  for (const [name, trouble] of Object.entries(cases)) {
    test(name, async t => {
      const random = new Random(SEED)
      const redis = await Redis.start()
      const proxy = await Proxy.start(redis.port)
      try {
        const cluster = await Cluster.start(3, proxy.url, { SCRIBLE_ROOM_IDLE_SECONDS: '1', SCRIBLE_COMPACT_ROWS: '40' })
        const met = await drawTogether({ random, cluster, room: 'bus', rounds: ROUNDS, trouble: () => trouble({ redis, proxy, random }) })
        t.diagnostic(JSON.stringify({ ...met, messages: proxy.counts }))
        assert.ok(met.echoes > 20 && proxy.counts.pass + proxy.counts.drop > 0, 'something was echoed and carried')
      } finally {
        proxy.end()
        await redis.end()
      }
    })
  }

  test('N40: people on another node are seen, and vanish when it is killed', async () => {
    const redis = await Redis.start()
    const cluster = await Cluster.start(2, redis.url)
    const [ann, bob] = cluster.urls.map((url, at) => new Member(`person ${at}`, '3.1.0', url, 'people'))
    try {
      for (const { provider } of [ann, bob]) provider.connect()
      await until(() => ann.joined && bob.joined, () => 'not joined')
      ann.provider.awareness.setLocalState({ name: 'Ann' })
      bob.provider.awareness.setLocalState({ name: 'Bob', cursor: { x: 1 } })
      const sees = (who, other) => who.provider.awareness.getStates().get(other.doc.clientID)
      await until(() => sees(ann, bob)?.name === 'Bob' && sees(bob, ann)?.name === 'Ann', () => 'they do not see each other')
      bob.provider.awareness.setLocalStateField('cursor', { x: 2 })
      await until(() => sees(ann, bob)?.cursor.x === 2, () => 'a cursor does not arrive')
      await cluster.nodes[1].kill()
      await until(() => sees(ann, bob) === undefined, () => 'a ghost', 15_000)
    } finally {
      for (const member of [ann, bob]) member.end()
      await cluster.end()
      await redis.end()
    }
  })
})
