// The stream of /api/events: read by fetch, since an EventSource can bring no token; opened again whenever it ends, and closed while nobody
// looks at the page, so that pages in the background take no connection.

import { ask, Refused } from './api'
import type { LiveRooms } from './rooms'

/** How the line is: `refused` until `open` is called again. */
export type Line = 'connecting' | 'live' | 'away' | 'refused'

/** The server says something every 15 seconds; after so long without it is taken for gone. */
const SILENCE_MS = 25_000
const FIRST_RETRY_MS = 500
const LAST_RETRY_MS = 5_000

export interface Hears {
  rooms(rooms: LiveRooms): void
  /** `why`: what the server said, if it did. `skew`: by how much this clock is ahead of the server's, in milliseconds. */
  line(line: Line, why: Refused | null, skew: number): void
}

export class Feed {
  #hears: Hears
  #current: AbortController | null = null
  #retry: number | undefined
  #wait = FIRST_RETRY_MS
  #refused = false

  constructor(hears: Hears) {
    this.#hears = hears
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) this.#close()
      else if (!this.#refused) this.open()
    })
  }

  /** Connects anew. */
  open(): void {
    this.#close()
    this.#refused = false
    this.#hears.line('connecting', null, 0)
    void this.#run()
  }

  #close() {
    clearTimeout(this.#retry)
    this.#current?.abort()
    this.#current = null
  }

  async #run() {
    const mine = (this.#current = new AbortController())
    let silence: number | undefined
    let why: Refused | null = null
    const alive = () => {
      clearTimeout(silence)
      silence = window.setTimeout(() => mine.abort(), SILENCE_MS)
    }
    try {
      alive()
      const answer = await ask('/api/events', { signal: mine.signal })
      const date = Date.parse(answer.headers.get('date') ?? '')
      this.#wait = FIRST_RETRY_MS
      this.#hears.line('live', null, Number.isNaN(date) ? 0 : Math.round((Date.now() - date) / 1000) * 1000)
      const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader()
      const events = new Events()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        alive()
        for (const data of events.take(value)) this.#hears.rooms(JSON.parse(data) as LiveRooms)
      }
    } catch (error) {
      if (this.#current !== mine) return
      if (error instanceof Refused) why = error
      if (why?.status === 401 || why?.status === 403) {
        this.#refused = true
        this.#hears.line('refused', why, 0)
        return
      }
    } finally {
      clearTimeout(silence)
    }
    if (this.#current !== mine) return
    this.#hears.line('away', why, 0)
    // Not all pages at once where a server comes back.
    this.#retry = window.setTimeout(() => void this.#run(), this.#wait * (0.75 + Math.random() / 2))
    this.#wait = Math.min(this.#wait * 2, LAST_RETRY_MS)
  }
}

/** Takes a stream of text apart into the data of its events, wherever it was cut. */
export class Events {
  #rest = ''

  take(text: string): string[] {
    const blocks = (this.#rest + text).split('\n\n')
    this.#rest = blocks.pop()!
    return blocks.flatMap((block) => {
      const data = block.split('\n').filter((line) => line.startsWith('data:'))
      return data.length ? [data.map((line) => line.slice(5).trimStart()).join('\n')] : []
    })
  }
}
