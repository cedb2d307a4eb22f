// Yjs as the judge of mutants that passed the gate: it must read the same out of them, and show the same after what our cutter and merge make of
// them as after the mutant itself.
//
// Well-formed updates from somebody who means harm can keep Yjs busy for ever, so it works in a child process that is killed when an answer
// takes too long; such mutants are counted and listed. The rule: a child knows one mutant at a time.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import * as Y from 'yjs'
import { Reader, Writer } from './bytes.mjs'

const PATIENCE_MS = 3000
const THIS = fileURLToPath(import.meta.url)

/** How an update is read, as text. */
const spelled = ({ lists, deletes }) => `${lists.sort().join(' ')} | ${deletes.sort().join(' ')}`

/** What Yjs reads out of an update: client, first clock, last clock of each list; client, clock, length of each deletion. */
const facts = update => {
  const { structs, ds } = Y.decodeUpdate(update)
  const lists = new Map()
  for (const { id, length } of structs) {
    const start = (lists.get(id.client) ?? [0, id.clock])[1]
    lists.set(id.client, [id.client, start, id.clock + length])
  }
  return {
    lists: [...lists.values()].map(list => list.join()),
    deletes: [...ds.clients].flatMap(([client, items]) => items.map(({ clock, len }) => [client, clock, len].join()))
  }
}

/** What a type shows, whatever kind of type it is. Rich-text marks are left out, since how Yjs cleans them up depends on how updates were batched. */
const shown = type => {
  const list = []
  for (let item = type._start; item !== null; item = item.right) {
    if (!item.deleted && item.countable) list.push(...contentOf(item.content))
  }
  const entries = [...type._map].filter(([, item]) => !item.deleted).map(([key, item]) => [key, contentOf(item.content)])
  return { list, map: entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)) }
}

const contentOf = content => {
  if (content instanceof Y.ContentType) return [[content.type.constructor.name, content.type.nodeName, shown(content.type)]]
  return content.getContent().map(value => (value instanceof Y.Doc ? { guid: value.guid } : value))
}

const plain = (_, value) => {
  if (typeof value === 'bigint') return `${value}n`
  return value instanceof Uint8Array ? { bytes: [...value] } : value
}

/** What a doc shows that took these updates, and what it has: its state vector without what waits. */
const outcome = updates => {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  const roots = [...doc.share].map(([name, type]) => [name, shown(type)])
  const content = roots.filter(([, { list, map }]) => list.length + map.length > 0).sort(([a], [b]) => (a < b ? -1 : 1))
  const state = [...Y.decodeStateVector(Y.encodeStateVector(doc))].sort(([a], [b]) => a - b)
  return { text: JSON.stringify([content, state], plain), doc }
}

/** Whether an item is to stand between something and that same thing: where it goes in Yjs depends on how updates are batched. */
const contradicts = update => Y.decodeUpdate(update).structs.some(({ origin, rightOrigin }) =>
  origin && rightOrigin && origin.client === rightOrigin.client && origin.clock === rightOrigin.clock)

/** Judges one mutant; gives what Yjs writes of what was taken of it, which is all that clients ever hear. Throws a sentence. */
const judge = ({ update, wanted, entry, merged, parts }) => {
  const read = spelled(facts(update))
  if (read !== wanted) throw new Error(`read as ${read}, not as ${wanted}`)
  const { text } = outcome([update])
  let state = null
  for (const [what, updates] of [['what was taken', [entry]], ['merged', [merged]], ['in parts', parts]]) {
    const other = outcome(updates)
    if (other.text !== text && !contradicts(update)) throw new Error(`${what} shows ${other.text}, not ${text}`)
    state ??= Y.encodeStateAsUpdate(other.doc)
    if (other.doc.store.pendingStructs || other.doc.store.pendingDs) throw new Error(`${what} waits for something`)
  }
  return state
}

/** A child that judges, one mutant at a time. */
class Judge {
  #child = null

  async ask (mutant) {
    this.#child ??= fork(THIS, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    const child = this.#child
    child.send(mutant)
    let late
    const answer = await Promise.race([
      once(child, 'message').then(([message]) => message),
      once(child, 'exit').then(([code, signal]) => ({ died: `the process ended with ${code ?? signal}` })),
      new Promise(resolve => { late = setTimeout(() => resolve({ died: `no end after ${PATIENCE_MS} ms` }), PATIENCE_MS) })
    ])
    clearTimeout(late)
    child.removeAllListeners()
    if (answer.died !== undefined) this.end()
    return answer
  }

  end () {
    this.#child?.kill('SIGKILL')
    this.#child = null
  }
}

/** Judges a file that the fuzz test left; gives the number of failures, and what Yjs wrote for the gate to read. */
export const judgeMutants = async bytes => {
  const reader = new Reader(bytes)
  const judge = new Judge()
  const states = []
  const seen = { mutants: reader.number(), rooms: 0, endless: 0, failures: 0 }
  const note = (what, update, sentence) => {
    seen[what]++
    console.error(`${what}: ${Buffer.from(update).toString('hex')}: ${sentence.slice(0, 500)}`)
  }
  for (let at = 0; at < seen.mutants; at++) {
    const update = reader.blob()
    const triple = () => [reader.number(), reader.number(), reader.number()].join()
    const wanted = spelled({ lists: reader.list(triple), deletes: reader.list(triple) })
    const [entry, merged, parts] = [reader.blob(), reader.blob(), reader.list(() => reader.blob())]
    const { state, failed, died } = await judge.ask({ update, wanted, entry, merged, parts })
    if (died !== undefined) note('endless', update, died)
    else if (failed !== undefined) note('failures', update, failed)
    else states.push(state)
  }
  // What rooms took of mutants, in order.
  const rooms = reader.list(() => reader.list(() => reader.blob()))
  for (const log of rooms) {
    seen.rooms++
    const { failed, died } = await judge.ask({ log })
    if (died !== undefined) note('endless', Buffer.concat(log), died)
    else if (failed !== undefined) note('failures', Buffer.alloc(0), `room ${seen.rooms}: ${failed}`)
  }
  judge.end()
  console.log(JSON.stringify(seen))
  const writer = new Writer()
  writer.number(states.length)
  for (const state of states) writer.blob(state)
  return { failures: seen.failures, states: writer.bytes() }
}

/** Applies a log entry by entry; nothing may wait after any of them. */
const judgeLog = log => {
  const doc = new Y.Doc()
  log.forEach((entry, at) => {
    try {
      Y.applyUpdate(doc, entry)
      if (doc.store.pendingStructs || doc.store.pendingDs) throw new Error('something waits')
    } catch (error) {
      throw new Error(`entry ${at}, ${Buffer.from(entry).toString('hex')}: ${error.message}`)
    }
  })
}

if (process.send !== undefined && process.argv[1] === THIS) {
  process.on('message', mutant => {
    try {
      process.send(mutant.log === undefined ? { state: judge(mutant) } : { done: judgeLog(mutant.log) })
    } catch (error) {
      process.send({ failed: error.message })
    }
  })
}
