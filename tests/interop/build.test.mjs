// A base without garbage, judged by Yjs: what a doc worker builds of a doc's updates shows what the doc shows, in every detail,
// and whoever edited the doc goes on with it.
//
// Docs are random ones of all that Yjs can hold, BigInt and XML hooks included, but no sub-documents, which doc workers refuse. SEED
// and SEEDS widen it. The one rule: what is compared was decoded by Yjs from the built bytes alone.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import * as Y from 'yjs'
import { Random } from './harness/random.mjs'
import { edit, shown } from './harness/rich.mjs'
import { Worker } from './harness/worker.mjs'

const FROM = Number(process.env.SEED ?? 1)
const SEEDS = Number(process.env.SEEDS ?? 100)

let worker
before(() => { worker = new Worker() })
after(() => worker.end())

/** A doc of these updates, of which nothing waits for anything. */
function docOf (...updates) {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  assert.equal(doc.store.pendingStructs, null)
  assert.equal(doc.store.pendingDs, null)
  return doc
}

test('D2: what is built shows all that its updates show, and edits go on from it', async () => {
  let [hooks, bigints, garbage] = [0, 0, 0]
  for (let seed = FROM; seed < FROM + SEEDS; seed++) {
    const random = new Random(seed)
    const doc = new Y.Doc()
    const updates = []
    doc.on('update', update => updates.push(update))
    const go = edits => {
      for (let n = 0; n < edits; n++) {
        // As after a page was loaded anew.
        if (n % 10 === 0) doc.clientID = random.below(2 ** 32)
        edit(random, doc)
      }
    }
    try {
      go(20 + random.below(60))
      const snapshot = await worker.build(updates)
      const expected = shown(doc)
      assert.deepEqual(shown(docOf(snapshot)), expected)
      const told = JSON.stringify(expected)
      hooks += told.split('{"hook"').length - 1
      bigints += told.split('{"bigint"').length - 1
      garbage += Y.mergeUpdates(updates).length - snapshot.length

      // On what was built, and together with the rows before it.
      const before = updates.splice(0)
      go(10)
      assert.deepEqual(shown(docOf(snapshot, ...updates)), shown(doc))
      const again = await worker.build([snapshot, ...updates])
      assert.deepEqual(shown(docOf(again)), shown(doc))
      assert.deepEqual(shown(docOf(...before, again)), shown(doc))
    } catch (error) {
      error.message = `seed ${seed}: ${error.message}`
      throw error
    }
  }
  assert.ok(hooks > SEEDS / 2 && bigints > SEEDS / 2, `${hooks} hooks and ${bigints} BigInts are too few to show anything`)
  assert.ok(garbage > 100 * SEEDS, `${garbage} bytes of garbage are gone`)
})
