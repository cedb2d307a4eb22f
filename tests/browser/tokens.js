// A front end that hands on tokens, as docs/access.md shows it: stock y-websocket in a page of its own.
// Its modules come straight from node_modules, so that nothing stands between the test and the provider.

import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join, normalize } from 'node:path'

const modules = join(import.meta.dirname, 'node_modules')
const imports = {
  yjs: '/yjs/dist/yjs.mjs',
  'y-websocket': '/y-websocket/src/y-websocket.js',
  'lib0/': '/lib0/',
  'y-protocols/': '/y-protocols/',
}
const html = `<!doctype html><meta charset="utf-8"><script type="importmap">${JSON.stringify({ imports })}</script>`

/** Listens on a free port of loopback with a page and the modules that it imports; the caller closes it. */
export async function serveModules() {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://page')
    const paths = [pathname, `${pathname}.js`].map((path) => normalize(join(modules, path)))
    const file = paths.find((path) => isModule(path) && path.startsWith(modules))
    if (pathname === '/') return response.writeHead(200, { 'content-type': 'text/html' }).end(html)
    if (!file) return response.writeHead(404).end()
    response.writeHead(200, { 'content-type': 'text/javascript' }).end(readFileSync(file))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

const isModule = (path) => /\.m?js$/.test(path) && existsSync(path)

/** Run in the page: connects, and renews the token when the server says that it has expired. */
export async function connect({ server, room, token }) {
  const Y = await import('yjs')
  const { WebsocketProvider } = await import('y-websocket')
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(server, room, doc, { params: { token } })
  window.codes = []
  window.board = doc.getMap('board')
  window.provider = provider
  provider.on('connection-close', async (event) => {
    if (event) window.codes.push(event.code)
    if (event?.code === 4501) provider.params.token = await window.freshToken()
  })
  provider.on('closed', async (event) => {
    if (event?.code !== 4401) return
    provider.params.token = await window.freshToken()
    provider.connect()
  })
}
