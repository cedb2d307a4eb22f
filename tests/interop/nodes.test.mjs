// Three nodes, people on each, and nodes that die, stand still and come back.
//
// Half of the seeds have a Redis, the others none. `SEEDS=n` runs more seeds, `SEED=k` begins there. The one rule: a seed that ever failed goes
// into `NAMED` and stays.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { canonical } from './harness/canonical.mjs'
import { Cluster, LACKING } from './harness/cluster.mjs'
import { Random } from './harness/random.mjs'
import { Redis } from './harness/redis.mjs'
import { drawTogether } from './harness/together.mjs'

/** Seeds that failed once, with what they showed. */
const NAMED = {}
const FIRST = Number(process.env.SEED ?? 1)
const SEEDS = Number(process.env.SEEDS ?? 6)
/** How long a node stands still, at most. */
const FREEZE_MS = 1500

const met = { edits: 0, kills: 0, stops: 0, freezes: 0, moves: 0, echoes: 0, rows: 0, snapshots: 0 }
const seeds = [...Object.keys(NAMED).map(Number), ...Array.from({ length: SEEDS }, (_, at) => FIRST + at)]

describe('N1 N2 N3 N4 N8: several nodes', { concurrency: 1, skip: LACKING }, () => {
  let redis
  before(async () => { redis = await Redis.start() })
  after(() => redis.end())

  for (const seed of new Set(seeds)) {
    test(`seed ${seed}${NAMED[seed] === undefined ? '' : ` (${NAMED[seed]})`}`, () => run(seed, seed % 2 === 0 ? null : redis.url))
  }

  test('the seeds met what they are for', () => {
    console.log(`${seeds.length} seeds: ${canonical(met)}`)
    assert.ok(met.kills + met.stops > 0 && met.freezes > 0 && met.moves > seeds.length, 'kills, freezes and moves')
    assert.ok(met.echoes > 50 * seeds.length, 'echoes')
    assert.ok(met.snapshots > seeds.length / 2, 'snapshots')
  })
})

async function run (seed, redis) {
  const random = new Random(seed)
  const cluster = await Cluster.start(3, redis, {
    SCRIBLE_ROOM_IDLE_SECONDS: String(random.below(2)),
    SCRIBLE_COMPACT_ROWS: random.pick(['5', '40', '10000']),
    SCRIBLE_VERSION_INTERVAL_SECONDS: '1'
  })
  const drawn = await drawTogether({ random, cluster, room: `nodes/${seed}`, rounds: 5, trouble: () => trouble(random, cluster) })
  for (const [what, count] of Object.entries(drawn)) met[what] += count
}

/** One node dies or stands still in the middle of it all, and comes back. */
async function trouble (random, cluster) {
  const node = random.pick(cluster.nodes)
  await new Promise(resolve => setTimeout(resolve, random.below(150)))
  switch (random.below(4)) {
    case 0:
      await node.kill()
      met.kills++
      await new Promise(resolve => setTimeout(resolve, random.below(300)))
      return await node.restart()
    case 1:
      assert.equal(await node.stop(), 0, 'a server that stops has stored everything')
      met.stops++
      return await node.restart()
    case 2:
      node.signal('SIGSTOP')
      met.freezes++
      await new Promise(resolve => setTimeout(resolve, random.below(FREEZE_MS)))
      return node.signal('SIGCONT')
    default:
  }
}
