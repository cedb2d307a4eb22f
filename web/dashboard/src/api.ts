// Asks the server. The token, where there is one, is kept for this window only and goes into a header, never into an address.

import { forget, keep, recall } from '../../try/src/kept'

/** What the server said instead of doing what it was asked. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string
  ) {
    super(detail)
  }
}

/** The server was not reached, or broke off. */
export class Away extends Error {}

export interface Asked {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
}

export const token = (): string | null => recall('token', 'window')

export function setToken(value: string | null): void {
  if (value) keep('token', value, 'window')
  else forget('token', 'window')
}

/** The path of a room's resources; a name is one segment. */
export const roomPath = (room: string, rest = ''): string => `/api/rooms/${encodeURIComponent(room)}${rest}`

/** The answer, whatever it holds, if it is a good one; of those that are none, 304 is let through. */
export async function ask(path: string, { method = 'GET', body, headers, signal }: Asked = {}): Promise<Response> {
  const bearer = token()
  const all: Record<string, string> = { ...headers }
  if (bearer) all.authorization = `Bearer ${bearer}`
  if (body !== undefined) all['content-type'] = 'application/json'
  let answer
  try {
    answer = await fetch(path, { method, headers: all, body: body === undefined ? null : JSON.stringify(body), signal: signal ?? null, cache: 'no-store', credentials: 'omit' })
  } catch (error) {
    if (signal?.aborted) throw error
    throw new Away('The server does not answer.')
  }
  if (answer.ok || answer.status === 304) return answer
  const problem = await answer.json().catch(() => null)
  throw new Refused(answer.status, problem?.code ?? 'unknown', problem?.detail ?? `the server answered ${answer.status}`)
}

export async function askJson<T>(path: string, asked?: Asked): Promise<T> {
  return (await ask(path, asked)).json() as Promise<T>
}

/** A sentence for people. */
export function sentence(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.')
}
