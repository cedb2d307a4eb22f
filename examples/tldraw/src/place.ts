// Where this page belongs: which server, which room, and who is drawing. Read once from the
// address; nothing else looks at it.

const params = new URLSearchParams(location.search)

export const server = params.get('server') ?? 'ws://localhost:3001'

/** `?room=name`, else `#name`, else one room that everybody without a choice shares. */
export const room =
  params.get('room') || decodeURIComponent(location.hash.slice(1)) || 'tldraw-example'

const names = ['Heron', 'Otter', 'Lynx', 'Wren', 'Marten', 'Ibex', 'Stoat', 'Plover']
const colors = ['#e16919', '#4465e9', '#099268', '#ae3ec9', '#e03131', '#4ba1f1', '#f1ac4b']
const any = <T>(choices: T[]) => choices[Math.floor(Math.random() * choices.length)]

/**
 * One id per tab, kept over a reload. Not per browser, as is usual: tldraw shows no cursor for a
 * second tab of the same user, and two tabs are how most people try this out.
 */
export const me = {
  id: once('user-id', () => crypto.getRandomValues(new Uint32Array(2)).join('-')),
  name: params.get('name') ?? once('user-name', () => any(names)),
  color: params.get('color') ?? once('user-color', () => any(colors)),
}

function once(key: string, make: () => string): string {
  const value = sessionStorage.getItem(key) ?? make()
  sessionStorage.setItem(key, value)
  return value
}
