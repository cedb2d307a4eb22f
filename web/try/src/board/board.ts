// The board in a Yjs document: records by id, changes as they come, writing, and undoing what was written here. The records stand
// as `{ key, val }` in the Y.Array `tl_<room>`; of several entries with one key the rightmost counts. Knows nothing of drawing,
// people or sockets.
//
// The rule not to break: a write replaces only the records that it names, and keeps all the rest as it found it.

import * as Y from 'yjs'
import { generateKeyBetween } from 'fractional-indexing'
import { apply, compose, identity, invert, placed, type Matrix, type Point } from '../geometry/vec'
import { readBinding, readPage, readShape } from './read'
import { DOCUMENT, FIRST_PAGE, type ArrowBinding, type Drawable, type Page, type Shape, type Stored } from './records'
import { SCHEMA, versionOf, type Version } from './schema'

interface Entry {
  key: string
  val: Stored
}

/** What an arrow's ends are tied to. */
export interface Ties {
  start?: ArrowBinding
  end?: ArrowBinding
}

/** While a hand moves, what it does is shown at once and written so often, ms; large writes as many times less often. */
const WRITE_EVERY_MS = 40
const BYTES_PER_MS = 100
const WRITE_AT_LEAST_EVERY_MS = 400

/** Deeper nesting than this is a loop that somebody wrote. */
const MAX_DEPTH = 64

export class Board {
  readonly doc: Y.Doc
  #entries: Y.Array<Entry>
  #meta: Y.Map<unknown>
  #undo: Y.UndoManager
  /** What transactions of this person carry; only these are undone. */
  #own = Symbol('own')
  /** What transactions carry that this page makes for the board's sake; undoing leaves them. */
  #upkeep = Symbol('upkeep')

  #records = new Map<string, Stored>()
  /** What is shown already and not written yet; of these, the new ones. */
  #ahead = new Map<string, Stored>()
  #fresh = new Set<string>()
  #moving = false
  /** Something of the step that is being done stands in the document already. */
  #wrote = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #shapes = new Map<string, Drawable>()
  #pages = new Map<string, Page>()
  #children = new Map<string, Drawable[]>()
  #bindings = new Map<string, ArrowBinding>()
  /** Both made when asked for, and thrown away with each change. */
  #orders = new Map<string, Drawable[]>()
  #ties: Map<string, Ties> | null = null
  #watchers = new Set<(ids: ReadonlySet<string>) => void>()

  constructor(doc: Y.Doc, root: string) {
    this.doc = doc
    this.#meta = doc.getMap('meta')
    this.#meta.observe(() => this.#tell(new Set()))
    ;[this.#entries, this.#undo] = this.#open(root)
    this.#read()
  }

  /**
   * The document is here: where there is nothing under the name that boards usually have, but one board under another name, that is
   * the board. Call it before anything is written.
   */
  settleOnRoot(): void {
    if (this.#entries.length > 0) return
    const others = [...this.doc.share]
      // Only what holds a list: asking for a list where there is a map would find nothing, and that is no harm, but neither a board.
      .filter(([name, type]) => name !== 'meta' && type._start !== null)
      .map(([name]) => name)
      .filter((name) => typeof (this.doc.getArray<Entry>(name).get(0)?.val as Stored | undefined)?.typeName === 'string')
    if (others.length !== 1) return
    this.#entries.unobserve(this.#onEntries)
    this.#undo.destroy()
    ;[this.#entries, this.#undo] = this.#open(others[0]!)
    this.#read()
  }

  /** Calls `watcher` with the ids of records that came, changed or went; with none when the version did. */
  watch(watcher: (ids: ReadonlySet<string>) => void): void {
    this.#watchers.add(watcher)
  }

  /** Whether this page may write here at all. */
  get version(): Version {
    const version = versionOf(this.#meta.get('schema') as never)
    if (version !== 'none') return version
    // Nobody said: what we would draw wrong or not at all tells that it is another version's.
    const odd = [...this.#shapes.values()].some((shape) => shape.type === 'foreign' && OURS.has(shape.kind))
    return odd ? 'other' : 'none'
  }

  shape = (id: string): Drawable | undefined => this.#shapes.get(id)
  shapes = (): Iterable<Drawable> => this.#shapes.values()
  children = (parent: string): readonly Drawable[] => this.#children.get(parent) ?? []
  bindings = (): Iterable<ArrowBinding> => this.#bindings.values()
  /** The record itself, for whoever must copy it whole. */
  stored = (id: string): Stored | undefined => this.#ahead.get(id) ?? this.#records.get(id)

  get pages(): Page[] {
    const pages = [...this.#pages.values()].sort(byIndex)
    return pages.length ? pages : [FIRST_PAGE]
  }

  bindingsOf(arrow: string): Ties {
    if (!this.#ties) {
      this.#ties = new Map()
      for (const binding of this.#bindings.values()) {
        const ties = this.#ties.get(binding.fromId) ?? {}
        ties[binding.props.terminal] = binding
        this.#ties.set(binding.fromId, ties)
      }
    }
    return this.#ties.get(arrow) ?? {}
  }

  /** All shapes below `parent` as they lie upon each other, lowest first, parents before their children. */
  inOrder(parent: string): readonly Drawable[] {
    let order = this.#orders.get(parent)
    if (!order) this.#orders.set(parent, (order = this.#below(parent, 0)))
    return order
  }

  /** From a shape's own space to its page's. */
  transform(shape: Drawable, depth = 0): Matrix {
    const own = placed(shape, shape.rotation)
    return depth > MAX_DEPTH ? own : compose(this.space(shape.parentId, depth + 1), own)
  }

  /** From the space in which the children of `parent` are placed to the page's. */
  space(parent: string, depth = 0): Matrix {
    const shape = this.#shapes.get(parent)
    return shape ? this.transform(shape, depth) : identity
  }

  opacity(shape: Drawable): number {
    let [at, opacity]: [Drawable | undefined, number] = [shape, 1]
    for (let depth = 0; at && depth < MAX_DEPTH; depth++) {
      opacity *= at.opacity
      at = this.#shapes.get(at.parentId)
    }
    return opacity
  }

  /** A page's point in the space of `parent`'s children. */
  into(parent: string, point: Point): Point {
    return apply(invert(this.space(parent)), point)
  }

  /** An index above all that lies in `parent`. */
  indexOnTop(parent: string): string {
    return indexBetween(this.children(parent).at(-1)?.index ?? null, null)
  }

  /** Puts records in; those with an id that is there replace it. */
  put(records: readonly (Shape | ArrowBinding | Stored)[]): void {
    for (const record of records as readonly Stored[]) {
      if (!this.#records.has(record.id)) this.#fresh.add(record.id)
      this.#ahead.set(record.id, record)
    }
    this.#advance(records.map(({ id }) => id))
  }

  /** Changes some fields of shapes. The rest is kept as it stands *now*, unknown fields too; a shape that is gone stays gone. */
  patch(changes: Iterable<readonly [id: string, change: object]>): void {
    const ids: string[] = []
    for (const [id, change] of changes) {
      const now = this.#ahead.get(id) ?? this.#records.get(id)
      if (!now || this.#shapes.get(id)?.type === 'foreign') continue
      const props = 'props' in change ? { props: { ...(now.props as object), ...(change.props as object) } } : {}
      this.#ahead.set(id, { ...now, ...change, ...props } as Stored)
      ids.push(id)
    }
    this.#advance(ids)
  }

  remove(ids: ReadonlySet<string>): void {
    this.#write()
    if (![...ids].some((id) => this.#records.has(id))) return
    this.#wrote = true
    this.doc.transact(() => this.#dropWhere(({ key }) => ids.has(key)), this.#own)
  }

  /** A hand begins to move: what follows is one step to undo, and is written at its pace. */
  begin(): void {
    this.settle()
    this.#undo.stopCapturing()
    this.#moving = true
    this.#wrote = false
  }

  /** Takes back what was done since `begin`, as if it had never been. */
  abandon(): void {
    const ids = [...this.#ahead.keys()]
    this.#ahead.clear()
    this.#fresh.clear()
    this.#derive(ids)
    this.settle()
    if (!this.#wrote) return
    this.#wrote = false
    this.#undo.undo()
    this.#undo.clear(false, true)
    this.#tidy()
  }

  /** The hand rests: everything is written. */
  settle(): void {
    this.#moving = false
    this.#write()
  }

  /** Does all of `act` as one step. */
  step(act: () => void): void {
    this.begin()
    act()
    this.settle()
  }

  undo(): void {
    this.settle()
    this.#undo.undo()
    this.#tidy()
  }

  redo(): void {
    this.settle()
    this.#undo.redo()
    this.#tidy()
  }

  get canUndo(): boolean {
    return this.#undo.canUndo()
  }

  get canRedo(): boolean {
    return this.#undo.canRedo()
  }

  #onEntries = () => this.#read()

  #open(root: string): [Y.Array<Entry>, Y.UndoManager] {
    const entries = this.doc.getArray<Entry>(root)
    entries.observe(this.#onEntries)
    const undo = new Y.UndoManager(entries, {
      trackedOrigins: new Set([this.#own]),
      // Steps end where `begin` says, not by the clock.
      captureTimeout: Number.MAX_SAFE_INTEGER,
    })
    return [entries, undo]
  }

  /** Gives an empty room what a board cannot be without. By the same ids as every other page would, so two who come first write one. */
  #furnish() {
    const missing = [DOCUMENT, FIRST_PAGE as unknown as Stored].filter(({ id, typeName }) =>
      typeName === 'page' ? this.#pages.size === 0 : !this.#records.has(id)
    )
    if (missing.length === 0 && this.version !== 'none') return
    this.doc.transact(() => {
      if (this.version === 'none') this.#meta.set('schema', structuredClone(SCHEMA))
      this.#entries.push(missing.map((val) => ({ key: val.id, val })))
    }, this.#upkeep)
  }

  #below(parent: string, depth: number): Drawable[] {
    if (depth > MAX_DEPTH) return []
    return this.children(parent).flatMap((shape) => [shape, ...this.#below(shape.id, depth + 1)])
  }

  #advance(ids: readonly string[]) {
    this.#derive(ids)
    if (!this.#moving) this.#write()
    else if (this.#ahead.size && this.#timer === undefined) {
      let bytes = 0
      for (const record of this.#ahead.values()) bytes += JSON.stringify(record).length
      const wait = Math.min(WRITE_AT_LEAST_EVERY_MS, WRITE_EVERY_MS + bytes / BYTES_PER_MS)
      this.#timer = setTimeout(() => this.#write(), wait)
    }
  }

  #write() {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const next = [...this.#ahead].filter(([id, record]) => this.#records.get(id) !== record)
    this.#ahead.clear()
    this.#fresh.clear()
    if (next.length === 0) return
    this.#furnish()
    this.#wrote = true
    const ids = new Set(next.map(([id]) => id))
    this.doc.transact(() => {
      this.#dropWhere(({ key }) => ids.has(key))
      this.#entries.push(next.map(([key, val]) => ({ key, val })))
    }, this.#own)
  }

  /** After an undo an older entry may stand to the left of one that somebody wrote since; it counts for nothing. */
  #tidy() {
    this.doc.transact(() => {
      this.#dropWhere(({ key, val }) => this.#records.has(key) && this.#records.get(key) !== val)
    }, this.#upkeep)
  }

  #dropWhere(test: (entry: Entry) => boolean) {
    const doomed: number[] = []
    this.#entries.forEach((entry, i) => {
      if (test(entry)) doomed.push(i)
    })
    for (const i of doomed.reverse()) this.#entries.delete(i)
  }

  /** Brings everything that is derived to what the document holds. Entries are immutable, so a changed one is another object. */
  #read() {
    const found = new Map<string, Stored>()
    this.#entries.forEach((entry) => {
      if (entry?.val && typeof entry.val === 'object' && entry.val.id === entry.key) found.set(entry.key, entry.val)
    })
    const changed = new Set<string>()
    for (const [id, record] of found) if (this.#records.get(id) !== record) changed.add(id)
    for (const id of this.#records.keys()) if (!found.has(id)) changed.add(id)
    this.#records = found
    // Somebody removed what was just being moved here.
    for (const id of this.#ahead.keys()) if (!found.has(id) && !this.#fresh.has(id)) this.#ahead.delete(id)
    this.#derive(changed)
  }

  #derive(changed: Iterable<string>) {
    const ids = new Set(changed)
    if (ids.size === 0) return
    this.#orders.clear()
    this.#ties = null
    let moved = false
    for (const id of ids) {
      const before = this.#shapes.get(id)
      this.#take(id, this.#ahead.get(id) ?? this.#records.get(id))
      const now = this.#shapes.get(id)
      if (before && now && before.parentId === now.parentId && before.index === now.index) {
        const siblings = this.#children.get(now.parentId)!
        siblings[siblings.indexOf(before)] = now
      } else moved ||= before !== now
    }
    if (moved) this.#sort()
    this.#tell(ids)
  }

  #sort() {
    this.#children = new Map()
    for (const shape of this.#shapes.values()) {
      const siblings = this.#children.get(shape.parentId)
      if (siblings) siblings.push(shape)
      else this.#children.set(shape.parentId, [shape])
    }
    for (const siblings of this.#children.values()) siblings.sort(byIndex)
  }

  #take(id: string, record: Stored | undefined) {
    const set = <T>(map: Map<string, T>, value: T | null) => (value ? map.set(id, value) : map.delete(id))
    set(this.#shapes, record ? readShape(record) : null)
    set(this.#pages, record ? readPage(record) : null)
    set(this.#bindings, record ? readBinding(record) : null)
  }

  #tell(ids: ReadonlySet<string>) {
    for (const watcher of this.#watchers) watcher(ids)
  }
}

/** Kinds that we write: one of these that cannot be read is of another version. */
const OURS: ReadonlySet<string> = new Set(['geo', 'draw', 'arrow', 'text', 'note', 'group', 'highlight'])

/** As plain strings, and by id where the same place was given twice, so that everybody sees one order. */
function byIndex(one: { index: string; id: string }, other: { index: string; id: string }): number {
  const [a, b] = one.index === other.index ? [one.id, other.id] : [one.index, other.index]
  return a < b ? -1 : a > b ? 1 : 0
}

/** Between two neighbours. Somebody may have given both the same place, or written what is no index: then beside the one that holds. */
export function indexBetween(below: string | null, above: string | null): string {
  for (const [from, to] of [below === above ? [below, null] : [below, above], [below, null], [null, above]] as const) {
    try {
      return generateKeyBetween(from, to)
    } catch {
      continue
    }
  }
  return FIRST_PAGE.index
}
