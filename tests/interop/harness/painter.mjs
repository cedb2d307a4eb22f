// People who draw all the time, and what a room must hold because of them.
//
// The one rule: what they must find again is what came back to them, and no more.

import { canonical } from './canonical.mjs'
import { Echoes, holds, joined } from './echoes.mjs'
import { shown } from './edits.mjs'
import { Member, until } from './member.mjs'

/** A person who draws, and what came back of it. */
export class Painter {
  #echoes = new Echoes()
  drawing = false

  constructor (url, room, version) {
    this.room = room
    this.member = new Member(`${room} ${version}`, version, url, room, { onMessage: this.#echoes.onMessage })
    this.#echoes.watch(this.member.doc, origin => origin === this)
  }

  /** The updates that came back, in the order in which they did. */
  get echoes () { return this.#echoes.heard }

  /** Draws until it is told to stop; `pauseMs` bounds the time between two edits. */
  async draw (random, pauseMs = 6) {
    const { doc } = this.member
    const [map, list] = [doc.getMap('map'), doc.getArray('list')]
    this.drawing = true
    while (this.drawing) {
      doc.transact(() => {
        map.set(`shape ${random.below(50)}`, { x: random.next(), y: random.next() })
        list.push([random.below(1000)])
        if (list.length > 100) list.delete(random.below(50), 20)
      }, this)
      await new Promise(resolve => setTimeout(resolve, random.below(pauseMs)))
    }
  }
}

/** Holds what a cold joiner gets against every echo there ever was; gives the doc that it got. */
export async function judge (server, room, painters) {
  // What comes back from now on need not be in what is joined now.
  const echoed = painters.map(({ member, echoes }) => [member.name, [...echoes]])
  const cold = await joined(server.url, room)
  for (const [name, echoes] of echoed) holds(cold, name, echoes)
  return cold
}

/** Waits until all of a room's painters see the same. */
export async function converge (painters) {
  const docs = painters.map(({ member }) => member.doc)
  await until(() => new Set(docs.map(doc => canonical(shown(doc)))).size === 1, () => `${painters[0].room} does not converge`)
}
