// Room names on the wire: which request targets are one room, which are different ones, and which are refused before the upgrade.
//
// Providers concatenate names into the URL unencoded, so this goes through sockets and handshakes, not through a function.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import * as Y from 'yjs'
import { handshake } from './harness/handshake.mjs'
import { Raw } from './harness/raw.mjs'
import { Server } from './harness/server.mjs'
import * as wire from './harness/wire.mjs'

const RESERVED = ['api', 'ws', 'join', 'docs', 'health', 'metrics', 'assets', 'try']
const LONGEST = 'n'.repeat(255)
/** 255 bytes of UTF-8 in percent-encoding. */
const LONGEST_ENCODED = '%C5%BC'.repeat(127) + 'x'

let server
before(async () => { server = await Server.start() })
after(() => server.end())

/** Leaves a mark in the room behind a request target. */
async function mark (target, value) {
  const doc = new Y.Doc()
  doc.getMap('map').set('mark', value)
  const raw = await Raw.join(server.url + target)
  raw.send(wire.update(Y.encodeStateAsUpdate(doc)))
  await raw.until(() => raw.of('update').length === 1, `the echo in ${target}`)
  await raw.close()
}

/** The mark in the room behind a request target. */
async function markIn (target) {
  const raw = await Raw.join(server.url + target)
  const doc = new Y.Doc()
  Y.applyUpdate(doc, raw.of('step2')[0].body)
  await raw.close()
  return doc.getMap('map').get('mark')
}

const SAME = [
  ['the two mounts', '/one', '/ws/one'],
  ['any depth', '/x/y/z', '/ws/x/y/z'],
  ['an encoded slash and a slash', '/a%2Fb', '/ws/a/b'],
  ['unicode, encoded by the parser or by hand', '/zażółć 木', '/ws/za%C5%BC%C3%B3%C5%82%C4%87%20%E6%9C%A8'],
  ['encoded and plain letters', '/%70lain', '/plain'],
  ['upper and lower case of percent-encoding', '/%c3%a9', '/%C3%A9'],
  ['query parameters', '/query', '/query?token=a&token=b'],
  ['a second question mark', '/twice', '/ws/twice?b=1?t=2'],
  ['255 bytes', `/${LONGEST}`, `/ws/${LONGEST}`],
  ['255 bytes, encoded', `/${LONGEST_ENCODED}`, `/ws/${LONGEST_ENCODED}`],
  ['dots inside a segment', '/a..b/.c', '/ws/a..b/.c']
]
for (const [what, one, other] of SAME) {
  test(`W1: one room: ${what}`, async () => {
    await mark(one, what)
    assert.equal(await markIn(other), what)
  })
}

const DIFFERENT = [
  ['letter case', '/Case', '/case'],
  ['composed and decomposed', '/caf%C3%A9', '/cafe%CC%81'],
  ['plus is not a space', '/p+q', '/p%20q'],
  ['decoded once only', '/d%252Fe', '/d/e'],
  ['a trailing slash', '/slash', '/slash/'],
  ['a doubled slash', '/u//v', '/u/v'],
  ['ws as part of a name', '/wsx', '/x'],
  ['a reserved word further down', '/deep/api', '/deep']
]
for (const [what, one, other] of DIFFERENT) {
  test(`W1: two rooms: ${what}`, async () => {
    await mark(one, what)
    assert.equal(await markIn(other), undefined)
    assert.equal(await markIn(one), what)
  })
}

test('W2: names that cannot be are refused with 400 and a sentence', async () => {
  const targets = [
    '/', '/ws', '/ws/', '/?x', '/a%00b', '/a%0Ab', '/a%7F', '/a%C2%85b', '/a%', '/a%4', '/a%zz', '/a%FF', '/a%C3', '/a/../b', '/a/./b',
    '/..', '/%2e%2e/b', '/a%2F..%2Fb', `/${LONGEST}n`, `/ws/${LONGEST}n`, `/${LONGEST_ENCODED}x`
  ]
  for (const target of targets) {
    const { status, text } = await handshake(server.port, target)
    assert.equal(status, 400, target)
    assert.match(text, /[a-z]{3,} [a-z]{2,}/, `${target} without a sentence`)
  }
})

test('W2: reserved first segments are refused, bare, below, encoded, and below /ws', async () => {
  for (const word of RESERVED) {
    const targets = word === 'ws' ? ['/ws/ws', '/ws/ws/x'] : [`/${word}`, `/${word}/x`, `/ws/${word}`, `/ws/${word}/x`]
    for (const target of [...targets, `/%${word.charCodeAt(0).toString(16)}${word.slice(1)}/x`]) {
      const { status } = await handshake(server.port, target)
      assert.equal(status, 400, target)
    }
  }
})

test('a handshake that is none is refused', async () => {
  const refused = async headers => (await handshake(server.port, '/demo', headers)).status
  assert.equal(await refused({ 'Sec-WebSocket-Version': '8' }), 426)
  assert.equal(await refused({ 'Sec-WebSocket-Key': null }), 400)
  assert.equal(await refused({}), 101)
})

test('W9: a subprotocol that is offered is chosen, and none is invented', async () => {
  const raw = await Raw.open(`${server.url}/protocols`, { protocols: ['token.abc', 'y'] })
  assert.equal(raw.socket.protocol, 'token.abc')
  await raw.close()
  const { text } = await handshake(server.port, '/protocols')
  assert.doesNotMatch(text, /sec-websocket-protocol/i)
})

test('health answers', async () => {
  const { status, body } = await server.get('/health')
  assert.equal(status, 200)
  assert.equal(JSON.parse(body).status, 'ok')
})
