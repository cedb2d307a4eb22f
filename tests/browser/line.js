// A network line between one page and the server that can be cut. Browsers' own offline switches
// leave open WebSockets alone, so the cut is made where a real one is: in the TCP connection.

import { once } from 'node:events'
import { connect, createServer } from 'node:net'

export class Line {
  #sockets = new Set()
  #whole = true
  #listener

  /** A line to `port`, read anew for each connection. */
  static async to(port) {
    const line = new Line()
    line.#listener = createServer((near) => {
      if (!line.#whole) return near.destroy()
      const far = connect(port(), '127.0.0.1')
      near.setNoDelay(true)
      far.setNoDelay(true)
      near.pipe(far).pipe(near)
      const both = [near, far]
      for (const socket of both) {
        line.#sockets.add(socket)
        // A cut or a dead server ends one side with an error, the other follows.
        socket.on('error', () => {})
        socket.on('close', () => {
          line.#sockets.delete(socket)
          both.forEach((other) => other.destroy())
        })
      }
    }).listen(0, '127.0.0.1')
    await once(line.#listener, 'listening')
    return line
  }

  get port() {
    return this.#listener.address().port
  }

  cut() {
    this.#whole = false
    this.#sockets.forEach((socket) => socket.destroy())
  }

  mend() {
    this.#whole = true
  }

  close() {
    this.cut()
    this.#listener.close()
  }
}
