// A guarded server, its owner's hands on the REST API, and guests who come in by the join page from
// pages of other origins. All sites are this machine, by names that only the browser knows.
//
// SITE is the server's; PLACES are where front ends stand, as seen from there.

import { strictEqual } from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, before } from 'node:test'
import { serveFiles } from './files.js'
import { launch, Person } from './people.js'
import { Server } from './server.js'

const SITE = 'sync.board.test'
const SECRET = 'a secret of at least thirty-two bytes'

/** Hosts of front ends, by what they are to the server. */
export const PLACES = {
  'another port': SITE,
  'another subdomain': 'app.board.test',
  'another site': 'elsewhere.test',
}

let browser, files

before(async () => {
  ;[browser, files] = await Promise.all([launch(), serveFiles()])
})

after(async () => {
  await browser?.close()
  files?.close()
})

const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url')

/** A token for `sub`, good for `seconds`, with the claims `more`. */
export function token(sub, seconds = 600, more = {}) {
  const exp = Math.floor(Date.now() / 1000) + seconds
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub, exp, ...more })}`
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`
}

async function freePort() {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address()
  listener.close()
  await once(listener, 'close')
  return port
}

/** A guarded server for the test `t`, to which pages of `more` origins may connect, too. Ends with the test. */
export async function guard(t, more = []) {
  const port = await freePort()
  const origin = (place) => `http://${PLACES[place]}:${files.address().port}`
  const server = new Server({
    PORT: String(port),
    SCRIBLE_JWT_SECRET: SECRET,
    SCRIBLE_JWT_LEEWAY_SECONDS: '0',
    SCRIBLE_PUBLIC_URL: `http://${SITE}:${port}`,
    SCRIBLE_ALLOWED_ORIGINS: [...Object.keys(PLACES).map(origin), ...more].join(','),
  })
  const present = []
  t.after(async () => {
    await Promise.all(present.map((guest) => guest.leave()))
    await server.remove()
  })
  await server.start()
  const owner = token('owner', 600, { rooms: { '*': 'owner' } })
  const owned = {
    port,
    socket: `ws://${SITE}:${port}`,
    /** Asks the API as the owner of all rooms; the answer's body. */
    async ask(method, path, body) {
      const answer = await fetch(`http://127.0.0.1:${port}/api/rooms${path}`, {
        method,
        headers: { authorization: `Bearer ${owner}`, 'content-type': 'application/json' },
        body: body && JSON.stringify(body),
      })
      const text = await answer.text()
      strictEqual(answer.ok, true, `${method} ${path}: ${answer.status} ${text}`)
      return text && JSON.parse(text)
    },
    /** Makes a room whose front end is the example at `place`. */
    async room(name, place, more = {}) {
      const frontend = `${origin(place)}/?room={room}&server=${encodeURIComponent(owned.socket)}`
      await owned.ask('POST', '', { name, visibility: 'private', frontend, ...more })
    },
    /** Somebody with a browser of their own, at the door of `room`. */
    async visit(name, room, { via, hash = '' } = {}) {
      const guest = new Guest(name)
      present.push(guest)
      await guest.arrive(`http://${SITE}:${port}/join/${room}${via ? `?via=${via}` : ''}${hash}`)
      return guest
    },
    browser: () => browser,
  }
  return owned
}

/** Somebody who comes by the join page and then is a person at the board. */
export class Guest extends Person {
  /** Opens a page in a browser of their own. */
  async arrive(address) {
    this.door = address
    this.context = await browser.newContext({ viewport: { width: 1000, height: 700 } })
    this.page = await this.context.newPage()
    this.page.on('request', (request) => this.asked.push(request.url()))
    this.page.on('websocket', (socket) => this.asked.push(socket.url()))
    this.page.on('pageerror', (error) => this.complaints.push(String(error)))
    await this.page.goto(address)
  }

  /** Fills in the form at the door and sends it. */
  async tell(password) {
    await this.page.getByLabel('Your name').fill(this.name)
    if (password !== undefined) await this.page.getByLabel('Password of the room').fill(password)
    await this.page.getByRole('button', { name: 'Join' }).click()
  }

  /** What the page says has gone wrong. */
  says(words) {
    return this.page.getByRole('alert').filter({ hasText: words }).waitFor()
  }

  /** Presses a button or a link at the door. */
  press(name) {
    return this.page
      .getByRole('button', { name })
      .or(this.page.getByRole('link', { name }))
      .click()
  }
}
