// Asks the server as an admin. The token, where there is one, is kept for this window only and goes into a header, never into an address.

import { forget, keep, recall } from '../../try/src/kept'
import { ask as askAs, type Asked } from '../../try/src/net/ask'

export { Refused, sentence } from '../../try/src/net/ask'

export const token = (): string | null => recall('token', 'window')

export function setToken(value: string | null): void {
  if (value) keep('token', value, 'window')
  else forget('token', 'window')
}

/** The path of a room's resources; a name is one segment. */
export const roomPath = (room: string, rest = ''): string => `/api/rooms/${encodeURIComponent(room)}${rest}`

export const ask = (path: string, asked: Asked = {}): Promise<Response> => askAs(path, asked, { bearer: token() })

export async function askJson<T>(path: string, asked?: Asked): Promise<T> {
  return (await ask(path, asked)).json() as Promise<T>
}
