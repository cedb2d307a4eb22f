// Pictures and films that people paste: the server keeps them, and the board remembers their address.

import { uniqueId, type TLAssetStore } from 'tldraw'

/** `room` is what the page was given as its name: it may let this person in, so no address in the board has it. */
export function assetsOf(server: string, room: string): TLAssetStore {
  const files = `${server.replace(/^ws/, 'http')}/api/rooms/${encodeURIComponent(room)}/assets/`
  return {
    async upload(_, file) {
      const at = files + encodeURIComponent(`${uniqueId()}-${file.name}`)
      const response = await fetch(at, { method: 'PUT', body: file, credentials: 'include' })
      const answer = await response.json()
      if (!response.ok) throw new Error(answer.detail)
      return { src: answer.url }
    },
    // In a copied board the address names the original; each room has the file by itself.
    resolve({ props: { src } }) {
      const name = /\/api\/rooms\/[^/]+\/assets\/([^/?#]+)$/.exec(src ?? '')?.[1]
      return name ? files + name : src
    },
  }
}
