// A slow line: a TCP proxy that lets bytes through no faster than told, each way.
//
// Knows nothing of WebSockets. The one rule: it reads from either side only what it is about to pass on, so that whoever sends feels the
// line as TCP shows it, by a full socket buffer.

import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'

/** Bytes pass in pieces of this long, so that a slow line is slow evenly. */
const PIECE_MS = 50
/** How much of the time that timers came late is made up for; without it a busy machine would make the line slower than told. */
const CATCH_UP_MS = 200

/** A line to a local port; all connections made through it share nothing but the rate that each of them has. */
export class Line {
  /** Bytes that came through from the far end, over all connections. */
  passed = 0
  #rate
  #server
  #sockets = new Set()

  constructor (port, bytesPerSecond) {
    this.#rate = bytesPerSecond
    this.#server = createServer(near => {
      const far = connect(port, '127.0.0.1')
      for (const socket of [near, far]) {
        socket.setNoDelay(true)
        this.#sockets.add(socket)
        socket.on('close', () => this.#sockets.delete(socket))
      }
      // When one side ends without a goodbye, so does the other: `pipeline` destroys both.
      pipeline(near, bytes => this.#paced(bytes), far).catch(() => {})
      pipeline(far, bytes => this.#paced(bytes, piece => { this.passed += piece.length }), near).catch(() => {})
    })
  }

  /** A line that is ready for connections. */
  static async to (port, bytesPerSecond) {
    const line = new Line(port, bytesPerSecond)
    line.#server.listen(0, '127.0.0.1')
    await once(line.#server, 'listening')
    return line
  }

  /** Where clients connect. */
  get url () { return `ws://127.0.0.1:${this.#server.address().port}` }

  async * #paced (chunks, note = () => {}) {
    const pieceBytes = Math.ceil(this.#rate * PIECE_MS / 1000)
    let free = 0
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; at += pieceBytes) {
        const piece = chunk.subarray(at, at + pieceBytes)
        free = Math.max(free, performance.now() - CATCH_UP_MS) + piece.length / this.#rate * 1000
        await delay(Math.max(0, free - performance.now()))
        note(piece)
        yield piece
      }
    }
  }

  /** Cuts all connections and takes no more. */
  async end () {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
