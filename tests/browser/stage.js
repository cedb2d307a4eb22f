// What every test here stands on: one browser and one file server for each example for the whole test file, and for
// each test a server of its own with an empty database.

import { after, before } from 'node:test'
import { serveFiles } from './files.js'
import { Line } from './line.js'
import { launch, Person } from './people.js'
import { Server } from './server.js'

let browser
const served = new Map()

before(async () => {
  browser = await launch()
})

after(async () => {
  await browser?.close()
  served.forEach((files) => files.close())
})

/**
 * A server for the test `t`, and the door by which people enter its rooms on the page of `example`. `Somebody` is a kind of
 * Person who knows that page. Ends with the test.
 */
export async function open(t, example = 'tldraw', Somebody = Person) {
  if (!served.has(example)) served.set(example, await serveFiles(example))
  const files = served.get(example)
  const server = new Server()
  const present = []
  t.after(async () => {
    await Promise.all(present.map((person) => person.leave()))
    present.forEach((person) => person.line.close())
    await server.remove()
  })
  await server.start()
  return {
    server,
    /** Lets somebody in, by a line of their own that a test may cut. */
    async enter(room, name, color = '#4465e9') {
      const line = await Line.to(() => server.port)
      const person = new Somebody(name, line, files)
      present.push(person)
      await person.open(browser, room, color)
      return person
    },
    /** The last word of a test: nobody's page looked elsewhere or complained. */
    allWell: () => present.forEach((person) => person.stayedHome()),
  }
}
