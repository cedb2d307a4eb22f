// The line to the room: a stock y-websocket provider, what is known of the line, and whether all that was written here is stored.
// Knows nothing of boards.

import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { messageYjsSyncStep1, messageYjsSyncStep2, messageYjsUpdate, writeUpdate } from 'y-protocols/sync'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { Pending } from './pending'

/** `refused` does not try again by itself. */
export type Line = 'connecting' | 'open' | 'broken' | 'refused'

export interface State {
  line: Line
  /** Why, where the server said so. */
  reason: string
  /** Whether the room was here once: before that an empty board means nothing. */
  arrived: boolean
  /** Edits that are not stored yet. */
  unsaved: number
  /** The server takes no edits of this person. */
  readOnly: boolean
}

type Handler = WebsocketProvider['messageHandlers'][number]

const SYNC = 0
const DENIED = 2
/** Told at most so often; while drawing there is an edit for every frame. */
const TELL_EVERY_MS = 100

export class Connection {
  readonly provider: WebsocketProvider
  #state: State = { line: 'connecting', reason: '', arrived: false, unsaved: 0, readOnly: false }
  #pending: Pending
  #watchers = new Set<(state: State) => void>()
  #timer: number | undefined

  constructor(server: string, room: string, doc: Y.Doc) {
    this.#pending = new Pending(() => doc.clientID)
    // The provider pastes the name into the address as it is. Other tabs of this browser are told by the server, as everybody is:
    // what they hand over to each other on their own would look stored before it is.
    const path = room.split('/').map(encodeURIComponent).join('/')
    this.provider = new WebsocketProvider(server, path, doc, { disableBc: true, connect: false })
    this.#listen(doc)
    this.provider.connect()
  }

  get state(): Readonly<State> {
    return this.#state
  }

  /** Gives what ends it. */
  watch(watcher: (state: Readonly<State>) => void): () => void {
    this.#watchers.add(watcher)
    watcher(this.#state)
    return () => void this.#watchers.delete(watcher)
  }

  /** Tries now, not at the provider's next turn. */
  retry(): void {
    this.provider.disconnect()
    this.provider.connect()
    this.#become({ line: 'connecting', reason: '' })
  }

  #listen(doc: Y.Doc) {
    doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin === this.provider) return
      this.#pending.wrote(update)
      this.#count()
    })
    this.provider.on('status', ({ status }) => {
      if (status === 'disconnected' && this.#state.line !== 'refused') this.#become({ line: 'broken' })
      // Roles change; whoever may still only look is told so again.
      if (status === 'connected') this.#become({ line: 'connecting', readOnly: false })
    })
    this.provider.on('connection-error', () => this.#become({ line: 'broken' }))
    this.provider.on('connection-close', (event) => this.#become({ reason: event?.reason ?? '' }))
    this.provider.on('closed', (event) => this.#become({ line: 'refused', reason: event.reason }))
    this.provider.on('sync', (synced: boolean) => {
      if (synced) this.#become({ line: 'open', reason: '', arrived: true })
    })

    const handlers = this.provider.messageHandlers as Handler[]
    const sync = handlers[SYNC]!
    handlers[SYNC] = (encoder, decoder, provider, emitSynced, type) => {
      // Read ahead on a decoder of our own: the provider's must find everything as it came.
      this.#overhear(decoding.clone(decoder))
      sync(encoder, decoder, provider, emitSynced, type)
    }
    handlers[DENIED] = () => this.#become({ readOnly: true })
  }

  #overhear(decoder: decoding.Decoder) {
    const kind = decoding.readVarUint(decoder)
    const body = decoding.readVarUint8Array(decoder)
    if (kind === messageYjsSyncStep1) this.#sendAgain(body)
    else if (kind === messageYjsSyncStep2 || kind === messageYjsUpdate) this.#pending.heard(body)
    this.#count()
  }

  #sendAgain(stateVector: Uint8Array) {
    const update = this.#pending.again(Y.decodeStateVector(stateVector))
    if (!update) return
    const encoder = encoding.createEncoder()
    encoding.writeVarUint(encoder, SYNC)
    writeUpdate(encoder, update)
    this.provider.ws?.send(encoding.toUint8Array(encoder))
  }

  #count() {
    const unsaved = this.#pending.count
    // That the last one is stored is told at once.
    if (unsaved === this.#state.unsaved) return
    if (unsaved === 0 || this.#state.unsaved === 0) return this.#become({ unsaved })
    this.#state = { ...this.#state, unsaved }
    this.#timer ??= window.setTimeout(() => this.#become({}), TELL_EVERY_MS)
  }

  #become(change: Partial<State>) {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#state = { ...this.#state, ...change }
    for (const watcher of this.#watchers) watcher(this.#state)
  }
}
