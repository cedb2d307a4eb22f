// Asks the server's API. Knows neither who asks nor what is asked for.

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

/** What the question is sent along with: a token, or what the browser keeps for this server. */
export type Known = { bearer: string | null } | 'cookie'

/** The answer, whatever it holds, if it is a good one; of those that are none, 304 is let through. */
export async function ask(path: string, { method = 'GET', body, headers, signal }: Asked, known: Known): Promise<Response> {
  const all: Record<string, string> = { ...headers }
  if (known !== 'cookie' && known.bearer) all.authorization = `Bearer ${known.bearer}`
  if (body !== undefined) all['content-type'] = 'application/json'
  const credentials = known === 'cookie' ? 'same-origin' : 'omit'
  let answer
  try {
    answer = await fetch(path, { method, headers: all, body: body === undefined ? null : JSON.stringify(body), signal: signal ?? null, cache: 'no-store', credentials })
  } catch (error) {
    if (signal?.aborted) throw error
    throw new Away('The server does not answer.')
  }
  if (answer.ok || answer.status === 304) return answer
  const problem = await answer.json().catch(() => null)
  throw new Refused(answer.status, problem?.code ?? 'unknown', problem?.detail ?? `the server answered ${answer.status}`)
}

/** A sentence for people. */
export function sentence(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.')
}
