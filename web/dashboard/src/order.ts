// Has the server make a file of a room, and waits for it.

import { askJson } from './api'

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
  version?: number
  scale?: number
}

/** How long the server may take in one answer, between two, and in all. */
const WAIT_SECONDS = 30
const PERIOD_MS = 1000
const PATIENCE_MS = 120_000

/** Where the file is. `progress` hears how far it is. */
export async function order(room: string, wish: Wish, signal: AbortSignal, progress: (percent: number) => void): Promise<URL> {
  const until = performance.now() + PATIENCE_MS
  const headers = { prefer: `wait=${WAIT_SECONDS}` }
  let made = await askJson<Export>(`/api/exports/${encodeURIComponent(room)}`, { method: 'POST', body: wish, headers, signal })
  while ((made.state === 'pending' || made.state === 'processing') && performance.now() < until) {
    progress(made.progress)
    await new Promise((soon) => setTimeout(soon, PERIOD_MS))
    made = await askJson<Export>(`/api/exports/${encodeURIComponent(made.id)}`, { signal })
  }
  if (made.state === 'completed' && made.url) return new URL(made.url, location.href)
  throw new Error(made.error?.detail ?? 'it takes longer than this page waits')
}
