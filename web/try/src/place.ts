// Where this page belongs, from its own address: `/try/<room>` on the server that also holds the room.

/** A link that lets its holder in ends so; it is the same room. */
export const GRANT = /~g[A-Za-z0-9_-]{22}$/

export interface Place {
  /** For the socket: with the grant, if the address has one. */
  room: string
  /** What everybody calls it. */
  name: string
  server: string
}

/** null where the address names no room. */
export function placeOf({ protocol, host, pathname }: Pick<Location, 'protocol' | 'host' | 'pathname'>): Place | null {
  const [, path] = /^\/try\/(.+)$/.exec(pathname) ?? []
  if (!path) return null
  try {
    const room = decodeURIComponent(path)
    return { room, name: room.replace(GRANT, ''), server: `${protocol === 'https:' ? 'wss' : 'ws'}://${host}` }
  } catch {
    return null
  }
}
