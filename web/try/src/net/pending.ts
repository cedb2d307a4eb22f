// What this page has written and nobody has stored yet. The server sends an update back to its author once it is on disk, so what
// was heard back is safe. Knows updates only, no sockets.
//
// The rule not to break: nothing counts as saved that the server has not sent back. That others show it, or that the server has
// heard of it, is not enough. What is inserted is taken and stored in the order in which it was written, so one piece that came back
// speaks for all that was inserted before it.

import * as Y from 'yjs'

interface Waiting {
  update: Uint8Array
  /** The clock behind its last insertion; 0 where it only deletes. */
  end: number
  deletes: Map<number, Span[]>
}

/** Clocks from the first up to, and without, the second. */
type Span = [from: number, to: number]

export class Pending {
  #client: () => number
  #waiting: Waiting[] = []
  #storedTo = 0
  #deleted = new Map<number, Span[]>()

  /** `client` says under which id this page writes; Yjs may change it. */
  constructor(client: () => number) {
    this.#client = client
  }

  /** How many updates wait. */
  get count(): number {
    return this.#waiting.length
  }

  /** An update that this page made. */
  wrote(update: Uint8Array): void {
    const { end, deletes } = this.#read(update)
    if (end || deletes.size) this.#waiting.push({ update, end, deletes })
  }

  /** An update that the server sent. */
  heard(update: Uint8Array): void {
    if (this.#waiting.length === 0) return
    const { end, deletes } = this.#read(update)
    this.#storedTo = Math.max(this.#storedTo, end)
    for (const [client, spans] of deletes) {
      const known = this.#deleted.get(client) ?? []
      for (const span of spans) cover(known, span)
      this.#deleted.set(client, known)
    }
    this.#waiting = this.#waiting.filter((each) => !this.#isStored(each))
    if (this.#waiting.length > 0) return
    this.#storedTo = 0
    this.#deleted.clear()
  }

  /**
   * What to send once more to a server that says what it has: it got that before, but the line was cut before it could say so. What it
   * has not got goes to it as every Yjs client sends it. As little as makes it speak: the end of the last insertion that it has, and
   * deletions, of which its clocks tell nothing.
   */
  again(serverHas: ReadonlyMap<number, number>): Uint8Array | null {
    const client = this.#client()
    const clock = serverHas.get(client) ?? 0
    const deletions = this.#waiting.filter(({ end }) => end === 0).map(({ update }) => update)
    const last = this.#waiting.filter(({ end }) => end > 0 && end <= clock).at(-1)
    const tail = last ? [Y.diffUpdate(last.update, Y.encodeStateVector(new Map([[client, last.end - 1]])))] : []
    const updates = [...tail, ...deletions]
    return updates.length ? Y.mergeUpdates(updates) : null
  }

  #isStored({ end, deletes }: Waiting): boolean {
    if (end) return end <= this.#storedTo
    return [...deletes].every(([client, spans]) => {
      const known = this.#deleted.get(client) ?? []
      return spans.every(([from, to]) => known.some(([a, b]) => a <= from && to <= b))
    })
  }

  #read(update: Uint8Array): { end: number; deletes: Map<number, Span[]> } {
    const { structs, ds } = Y.decodeUpdate(update)
    let end = 0
    for (const struct of structs) {
      // A Skip stands for what this update does not hold.
      if (struct.id.client === this.#client() && !(struct instanceof Y.Skip)) end = Math.max(end, struct.id.clock + struct.length)
    }
    const spans = [...ds.clients].map(([client, items]): [number, Span[]] => [client, items.map(({ clock, len }) => [clock, clock + len])])
    return { end, deletes: new Map(spans) }
  }
}

/** Adds a span to spans that lie in order and apart. */
function cover(spans: Span[], [from, to]: Span) {
  const first = spans.findIndex((span) => span[1] >= from)
  if (first < 0) {
    spans.push([from, to])
    return
  }
  let end = first
  while (end < spans.length && spans[end]![0] <= to) end++
  const touched = spans.slice(first, end)
  const merged: Span = [Math.min(from, ...touched.map(([a]) => a)), Math.max(to, ...touched.map(([, b]) => b))]
  spans.splice(first, end - first, merged)
}
