// hocuspocus with its SQLite extension, every other setting as it comes. Argument: the database file.
//
// The one rule: nothing is set here that its documentation does not tell every user to set.
import { SQLite } from '@hocuspocus/extension-sqlite'
import { Server } from '@hocuspocus/server'

const [database] = process.argv.slice(2)
const server = new Server({
  address: '127.0.0.1',
  port: 0,
  quiet: true,
  extensions: [new SQLite({ database })]
})
await server.listen()
console.log(`listening on ${server.webSocketURL}`)
