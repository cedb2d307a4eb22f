// The nginx configuration that is delivered, in a running nginx in front of two nodes.

import assert from 'node:assert/strict'
import { createServer, request } from 'node:http'
import { test } from 'node:test'
import { LACKING } from '../interop/harness/cluster.mjs'
import { Member, until } from '../interop/harness/member.mjs'
import { Raw } from '../interop/harness/raw.mjs'
import { Nginx } from './harness/nginx.mjs'
import { Proxied } from './harness/proxied.mjs'

const SECRET = 'no-log-may-hold-this'
/** Names as applications give them to a provider, which puts them into the address as they are. */
const NAMES = ['plain', 'x/y/z', 'żółw', 'a//b', 'with space', 'wsx', 'versions', 'team/versions', 'plus+plus', 'a%b', 'Plain', 'draft/1']
const PLENTY = Array.from({ length: 20 }, (_, at) => `room-${at}`)

test('all clients of a room come to one node, however they write its name, and no log holds a token', { skip: LACKING }, async () => {
  const cluster = await Proxied.start(2)
  const rooms = [...NAMES, ...PLENTY]
  const sockets = []
  try {
    for (const room of rooms) {
      const encoded = encodeURIComponent(room)
      for (const path of [encodeURI(room), `ws/${encodeURI(room)}`, encoded, `ws/${encoded}`]) {
        sockets.push(await Raw.join(`${cluster.url}/${path}?token=${SECRET}`))
      }
      for (const rest of ['', '/versions', '/versions/3/restore']) {
        await get(cluster.nginx.port, `/api/rooms/${encoded}${rest}?token=${SECRET}`, { referer: `https://board.example/?token=${SECRET}` })
      }
    }
    const health = await cluster.health()
    assert.equal(health[0].rooms + health[1].rooms, rooms.length, 'a room is open on two nodes')
    assert.ok(health.every(({ rooms }) => rooms > 0), `rooms are spread over the nodes: ${health.map(({ rooms }) => rooms)}`)
    await Promise.all(sockets.map(socket => socket.close()))
    const all = rooms.length * 7
    await until(() => cluster.nginx.requests.length === all, () => `${cluster.nginx.requests.length} of ${all} requests are logged`)
    for (const room of rooms) {
      const requests = cluster.nginx.requests.filter(request => request.room === room)
      assert.equal(requests.length, 7, `requests about ${room}`)
      assert.equal(new Set(requests.map(({ node }) => node)).size, 1, `nodes that were asked about ${room}`)
    }
    await Promise.all(cluster.nodes.map(node => node.kill()))
    assert.equal(await get(cluster.nginx.port, `/plain?token=${SECRET}`), 502)
    await until(() => cluster.nginx.requests.some(({ status }) => status === '502'), () => 'no 502 is logged')
    const logs = [JSON.stringify(cluster.nginx.requests), cluster.nginx.errors, ...cluster.nodes.map(({ log }) => log)]
    for (const log of logs) assert.ok(!log.includes(SECRET), log)
  } finally {
    await cluster.end()
  }
})

test('L10 L12: clients count under their own addresses, whatever they say', { skip: LACKING }, async () => {
  const cluster = await Proxied.start(2, { SCRIBLE_MAX_CONNECTIONS_PER_ADDRESS: '2' })
  try {
    const from = (address, headers = {}) => ({ ws: { localAddress: address, headers } })
    const url = `${cluster.url}/demo`
    for (const address of ['127.0.0.2', '127.0.0.3']) {
      await Raw.join(url, undefined, from(address))
      await Raw.join(url, undefined, from(address, { 'X-Forwarded-For': '203.0.113.9', Forwarded: 'for=203.0.113.9' }))
      const third = new Raw(url, from(address))
      await third.until(() => third.refused !== null, 'a refusal')
      assert.equal(third.refused.status, 429)
    }
    assert.deepEqual((await cluster.health()).map(({ connections }) => connections).sort(), [0, 4])
    await until(() => cluster.nginx.requests.length === 2, () => 'the refusals are not logged')
    assert.deepEqual(cluster.nginx.requests.map(({ client, node_status: status }) => [client, status]), [['127.0.0.2', '429'], ['127.0.0.3', '429']])
  } finally {
    await cluster.end()
  }
})

test('when a node is killed its rooms go on at the other, with everything that was echoed', { skip: LACKING }, async () => {
  const cluster = await Proxied.start(2)
  const members = PLENTY.map((room, at) => new Member(room, at % 2 ? '1.5.4' : '3.1.0', cluster.url, room))
  try {
    for (const member of members) {
      member.provider.connect()
      member.doc.getMap('map').set('drawn', member.name)
    }
    await Promise.all(members.map(member => member.committed()))
    const [before] = await cluster.health()
    assert.ok(before.rooms > 0 && before.rooms < PLENTY.length)
    await cluster.nodes[0].kill()
    // A socket may look open for a moment longer than its node lives.
    const moved = async () => (await cluster.health())[1].rooms === PLENTY.length
    await until(async () => await moved() && members.every(({ joined }) => joined), () => 'not everybody came back', 5_000)
    for (const member of members) {
      member.doc.getMap('map').set('after', 1)
      await member.committed()
      const cold = new Member('cold', '3.1.0', cluster.url, member.name)
      cold.provider.connect()
      try {
        await until(() => cold.joined, () => 'nobody gets in')
        assert.deepEqual(cold.doc.getMap('map').toJSON(), { drawn: member.name, after: 1 })
      } finally {
        cold.end()
      }
    }
  } finally {
    for (const member of members) member.end()
    await cluster.end()
  }
})

test('answers come as they are written, bodies as they are sent, and a client cannot say who it is', async () => {
  const heard = []
  let answer = null
  const node = createServer((request, response) => {
    answer = response
    heard.push(request.headers)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    request.on('data', data => response.write(`data: ${data}\n\n`))
  })
  await new Promise(resolve => node.listen(0, '127.0.0.1', resolve))
  let nginx = null
  try {
    nginx = await Nginx.start([node.address().port])
    const headers = { 'x-forwarded-for': '203.0.113.9', 'x-real-ip': '203.0.113.9', forwarded: 'for=203.0.113.9', 'transfer-encoding': 'chunked' }
    const asking = request({ port: nginx.port, host: '127.0.0.1', path: '/api/events', method: 'POST', headers })
    let events = ''
    asking.on('response', response => response.on('data', data => { events += data }))
    // Each is sent only once the one before it has come back.
    for (const event of ['one', 'two']) {
      asking.write(event)
      await until(() => events.endsWith(`data: ${event}\n\n`), () => `${event} does not come back; so far: ${events}`)
    }
    asking.end()
    answer.end()
    const told = heard[0]
    assert.equal(told['x-forwarded-for'], '127.0.0.1')
    assert.equal(told['x-forwarded-proto'], 'http')
    assert.equal(told.host, `127.0.0.1:${nginx.port}`)
    assert.deepEqual([told.forwarded, told['x-real-ip'], told.upgrade], [undefined, undefined, undefined])
  } finally {
    await nginx?.end()
    node.closeAllConnections()
    node.close()
  }
})

/** The status with which a path is answered, sent exactly as it is written. */
function get (port, path, headers = {}) {
  return new Promise((resolve, reject) => {
    const asking = request({ host: '127.0.0.1', port, path, headers, agent: false }, response => {
      response.resume()
      response.on('end', () => resolve(response.statusCode))
    })
    asking.on('error', reject).end()
  })
}
