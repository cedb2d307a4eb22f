import { deepStrictEqual, rejects, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { order, type AskJson } from '../src/net/order'

Object.assign(globalThis, { location: new URL('http://sync.test/try/plans') })

const GRANT = '~gQ1JkQ1JkQ1JkQ1JkQ1JkQ1'
const signal = new AbortController().signal

/** A server that needs one look more than it was asked for. */
function server(answers: { [path: string]: unknown }) {
  const asked: string[] = []
  const askJson = (async (path: string, { method = 'GET' } = {}) => {
    asked.push(`${method} ${path}`)
    return answers[path]
  }) as AskJson
  return { asked, askJson }
}

test('a file is waited for, by its own address', async () => {
  const { asked, askJson } = server({
    '/api/exports/a%2Fb': { id: '7', state: 'processing', progress: 40, url: null, error: null },
    '/api/exports/7': { id: '7', state: 'completed', progress: 100, url: '/objects/7.png', error: null },
  })
  const heard: number[] = []
  const url = await order(askJson, 'a/b', { format: 'png' }, signal, (percent) => heard.push(percent))
  strictEqual(url.href, 'http://sync.test/objects/7.png')
  deepStrictEqual([asked, heard], [['POST /api/exports/a%2Fb', 'GET /api/exports/7'], [40]])
})

test('whoever has nothing but a grant looks where the address names the room', async () => {
  const path = encodeURIComponent(`plans${GRANT}`)
  const { asked, askJson } = server({
    [`/api/exports/${path}`]: { id: '7', state: 'pending', progress: 0, url: null, error: null },
    [`/api/rooms/${path}/exports?limit=50`]: {
      exports: [
        { id: '8', state: 'completed', progress: 100, url: '/objects/8.pdf', error: null },
        { id: '7', state: 'failed', progress: 0, url: null, error: { detail: 'the board is empty' } },
      ],
    },
  })
  await rejects(order(askJson, `plans${GRANT}`, { format: 'pdf' }, signal, () => {}), /the board is empty/)
  deepStrictEqual(asked.length, 2)
})
