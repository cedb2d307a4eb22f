// A WebSocket handshake written by hand: client libraries run paths through a URL parser, which hides what the server must refuse.

import { connect } from 'node:net'

/** The status and the text of the server's answer to an upgrade request with exactly this request target and these headers. */
export function handshake (port, target, headers = {}) {
  const request = {
    Host: `127.0.0.1:${port}`,
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    'Sec-WebSocket-Version': '13',
    ...headers
  }
  const lines = Object.entries(request).filter(([, value]) => value !== null).map(([name, value]) => `${name}: ${value}`)
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    const done = () => {
      const status = /^HTTP\/1\.1 (\d+)/.exec(answer)
      if (status === null) return reject(new Error(`no HTTP answer for ${target}: ${JSON.stringify(answer)}`))
      socket.destroy()
      resolve({ status: Number(status[1]), text: answer })
    }
    socket.setTimeout(10_000, done)
    socket.on('data', chunk => {
      answer += chunk.toString('latin1')
      const [head, body] = answer.split('\r\n\r\n')
      const length = /content-length: (\d+)/i.exec(head)
      // Everything is there, or the connection is a WebSocket now.
      if (body !== undefined && (length === null || body.length >= Number(length[1]))) done()
    })
    socket.on('end', done)
    socket.on('error', error => (answer === '' ? reject(error) : done()))
    socket.write(`GET ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
  })
}
