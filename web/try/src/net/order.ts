// Has the server make a file of a room, and waits for it.

import type { Asked } from './ask'
import { GRANT } from '../place'

interface Export {
  id: string
  state: 'pending' | 'processing' | 'completed' | 'failed' | 'cancelled'
  /** How far it is, from 0 to 100. */
  progress: number
  url: string | null
  error: { detail: string } | null
}

export interface Wish {
  format: 'png' | 'svg' | 'pdf'
}

export type AskJson = <T>(path: string, asked?: Asked) => Promise<T>

/** How long the server may take in one answer, between two, and in all. */
const WAIT_SECONDS = 30
const PERIOD_MS = 1000
const PATIENCE_MS = 120_000
/** Of the exports of a room, among which one is looked for. */
const NEWEST = 50

/** Where the file is. `room` is as the socket has it, with the grant if there is one; `progress` hears how far it is. */
export async function order(askJson: AskJson, room: string, wish: Wish, signal: AbortSignal, progress: (percent: number) => void): Promise<URL> {
  const until = performance.now() + PATIENCE_MS
  const headers = { prefer: `wait=${WAIT_SECONDS}` }
  const path = encodeURIComponent(room)
  let made = await askJson<Export>(`/api/exports/${path}`, { method: 'POST', body: wish, headers, signal })
  while ((made.state === 'pending' || made.state === 'processing') && performance.now() < until) {
    progress(made.progress)
    await new Promise((soon) => setTimeout(soon, PERIOD_MS))
    made = await look()
  }
  if (made.state === 'completed' && made.url) return new URL(made.url, location.href)
  throw new Error(made.error?.detail ?? 'it takes longer than this page waits')

  async function look(): Promise<Export> {
    if (!GRANT.test(room)) return askJson<Export>(`/api/exports/${encodeURIComponent(made.id)}`, { signal })
    // A grant lets its holder in only where the address names the room.
    const { exports } = await askJson<{ exports: Export[] }>(`/api/rooms/${path}/exports?limit=${NEWEST}`, { signal })
    return exports.find(({ id }) => id === made.id) ?? made
  }
}
