// Serves a built example to the browser, as any static host would.

import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, normalize, sep } from 'node:path'

const examples = join(import.meta.dirname, '../../examples')
const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
}

/** Listens on a free port of loopback; the caller closes it. */
export async function serveFiles(example = 'tldraw') {
  const root = join(examples, example, 'dist')
  if (!existsSync(join(root, 'index.html'))) {
    throw new Error(`examples/${example} is not built: run npm ci and npm run build there`)
  }
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://page').pathname)
    const file = normalize(join(root, path === '/' ? 'index.html' : path))
    if (!file.startsWith(root + sep) || !existsSync(file)) return response.writeHead(404).end()
    const type = types[extname(file)] ?? 'application/octet-stream'
    response.writeHead(200, { 'content-type': type }).end(readFileSync(file))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}
