// Honest Yjs sessions for the tests of the scanner, and Yjs as the judge of what came out of it.
//
//   node gen.mjs --out FILE [--from SEED] [--seeds COUNT]    writes what clients sent, in the order of arrival
//   node gen.mjs --check FILE                                judges a file that sessions.rs dumped
//   node gen.mjs --mutated FILE --states FILE                judges what the fuzz test left, and writes what Yjs made of it
//
// It knows Yjs and nothing of Scrible's rules: the server here is a Y.Doc that forgets whatever it can't integrate.
// The rule: everything random comes from the seed, so a session can be made again from its number alone.

import { readFileSync, writeFileSync } from 'node:fs'
import * as Y from 'yjs'
import { check } from './check.mjs'
import { judgeMutants } from './judge.mjs'
import { Session } from './session.mjs'
import { Writer } from './bytes.mjs'

const args = process.argv.slice(2)
const option = (name, otherwise) => {
  const at = args.indexOf(`--${name}`)
  return at < 0 ? otherwise : args[at + 1]
}

if (option('check')) process.exit(check(readFileSync(option('check'))) > 0 ? 1 : 0)
if (option('mutated')) {
  const { failures, states } = await judgeMutants(readFileSync(option('mutated')))
  writeFileSync(option('states'), states)
  process.exit(failures > 0 ? 1 : 0)
}

const out = option('out')
if (!out) {
  console.error('usage: node gen.mjs --out FILE [--from SEED] [--seeds COUNT] | --check FILE | --mutated FILE --states FILE')
  process.exit(2)
}
const from = Number(option('from', 1))
const seeds = Number(option('seeds', 60))
const sessions = []
for (let seed = from; seed < from + seeds; seed++) {
  const session = new Session(seed)
  session.run()
  if (session.contradicts()) console.log(`seed ${seed} left out: an item between itself and itself`)
  else sessions.push(session)
}
const writer = new Writer()
writer.number(sessions.length)
const totals = { arrivals: 0, early: 0, skips: 0, step2s: 0 }
for (const session of sessions) {
  session.write(writer)
  for (const arrival of session.arrivals) {
    totals.arrivals++
    totals.early += arrival.early ? 1 : 0
    totals.step2s += arrival.step2 ? 1 : 0
    totals.skips += Y.decodeUpdate(arrival.update).structs.some(struct => struct instanceof Y.Skip) ? 1 : 0
  }
}
writeFileSync(out, writer.bytes())
console.log(`seeds ${from}..${from + seeds}:`, JSON.stringify(totals), `${writer.bytes().length} bytes`)
