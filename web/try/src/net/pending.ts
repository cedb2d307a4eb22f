// What this page has written and nobody has stored yet. The server sends an update back to its author once it is on disk, so what
// was heard back is safe. Knows updates only, no sockets.
//
// The rule not to break: nothing counts as saved that the server has not sent back. That others show it, or that the server has
// heard of it, is not enough.

import * as Y from 'yjs'

interface Waiting {
  update: Uint8Array
  inserts: Span[]
  deletes: Map<number, Span[]>
}

/** Clocks from the first up to, and without, the second. */
type Span = [from: number, to: number]

export class Pending {
  #client: () => number
  #waiting: Waiting[] = []
  #inserts: Span[] = []
  #deletes = new Map<number, Span[]>()

  /** `client` says under which id this page writes; Yjs may change it. */
  constructor(client: () => number) {
    this.#client = client
  }

  /** How many edits wait. */
  get count(): number {
    return this.#waiting.length
  }

  /** An update that this page made. */
  wrote(update: Uint8Array): void {
    const { inserts, deletes } = this.#read(update)
    if (inserts.length || deletes.size) this.#waiting.push({ update, inserts, deletes })
  }

  /** An update that the server sent. */
  heard(update: Uint8Array): void {
    if (this.#waiting.length === 0) return
    const { inserts, deletes } = this.#read(update)
    for (const span of inserts) cover(this.#inserts, span)
    for (const [client, spans] of deletes) {
      const known = this.#deletes.get(client) ?? []
      for (const span of spans) cover(known, span)
      this.#deletes.set(client, known)
    }
    this.#waiting = this.#waiting.filter(
      ({ inserts, deletes }) =>
        !inserts.every((span) => covered(this.#inserts, span)) ||
        ![...deletes].every(([client, spans]) => spans.every((span) => covered(this.#deletes.get(client) ?? [], span)))
    )
    if (this.#waiting.length > 0) return
    this.#inserts = []
    this.#deletes.clear()
  }

  /**
   * What to send once more to a server that says what it has. It got these edits before, but the line was cut before it could say
   * so; what it has not got goes to it as every Yjs client sends it.
   */
  again(serverHas: ReadonlyMap<number, number>): Uint8Array | null {
    const clock = serverHas.get(this.#client()) ?? 0
    const arrived = this.#waiting.filter(({ inserts }) => inserts.every(([, to]) => to <= clock))
    return arrived.length ? Y.mergeUpdates(arrived.map(({ update }) => update)) : null
  }

  #read(update: Uint8Array): { inserts: Span[]; deletes: Map<number, Span[]> } {
    const { structs, ds } = Y.decodeUpdate(update)
    const inserts: Span[] = []
    for (const struct of structs) {
      // A Skip stands for what this update does not hold.
      if (struct.id.client !== this.#client() || struct instanceof Y.Skip) continue
      cover(inserts, [struct.id.clock, struct.id.clock + struct.length])
    }
    const deletes = new Map<number, Span[]>()
    for (const [client, items] of ds.clients) {
      deletes.set(
        client,
        items.map(({ clock, len }) => [clock, clock + len])
      )
    }
    return { inserts, deletes }
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

const covered = (spans: readonly Span[], [from, to]: Span) => spans.some(([a, b]) => a <= from && to <= b)
