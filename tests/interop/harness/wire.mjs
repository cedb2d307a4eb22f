// y-websocket messages as bytes: enough to speak and to read them without any client library.
//
// The one rule: this file is the tests' own account of the protocol; it shares no code with what it judges but lib0's varints.

import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

export const SYNC = 0
export const AWARENESS = 1
export const AUTH = 2
export const QUERY_AWARENESS = 3
const SYNC_KINDS = ['step1', 'step2', 'update']

/** A message made of varints, then of bytes with their length. */
function message (numbers, bytes) {
  const encoder = encoding.createEncoder()
  for (const number of numbers) encoding.writeVarUint(encoder, number)
  if (bytes !== undefined) encoding.writeVarUint8Array(encoder, bytes)
  return encoding.toUint8Array(encoder)
}

export const step1 = stateVector => message([SYNC, 0], stateVector)
export const step2 = update => message([SYNC, 1], update)
export const update = bytes => message([SYNC, 2], bytes)
export const queryAwareness = () => message([QUERY_AWARENESS])

/** An awareness message; each entry is `[client, clock, state]`, with `null` for one who leaves. */
export function awareness (...entries) {
  const body = encoding.createEncoder()
  encoding.writeVarUint(body, entries.length)
  for (const [client, clock, state] of entries) {
    encoding.writeVarUint(body, client)
    encoding.writeVarUint(body, clock)
    encoding.writeVarString(body, JSON.stringify(state))
  }
  return message([AWARENESS], encoding.toUint8Array(body))
}

/** All messages of a frame, as `{ kind, body }` or `{ kind: 'awareness', entries }`; throws where one is cut off. */
export function parse (frame) {
  const decoder = decoding.createDecoder(frame)
  const messages = []
  while (decoding.hasContent(decoder)) messages.push(parseOne(decoder))
  return messages
}

function parseOne (decoder) {
  const type = decoding.readVarUint(decoder)
  switch (type) {
    case SYNC: {
      const kind = SYNC_KINDS[decoding.readVarUint(decoder)]
      if (kind === undefined) throw new Error('unknown sync kind')
      return { kind, body: decoding.readVarUint8Array(decoder) }
    }
    case AWARENESS: {
      const body = decoding.createDecoder(decoding.readVarUint8Array(decoder))
      const entries = Array.from({ length: decoding.readVarUint(body) }, () => [
        decoding.readVarUint(body), decoding.readVarUint(body), JSON.parse(decoding.readVarString(body))
      ])
      if (decoding.hasContent(body)) throw new Error('bytes after the last awareness entry')
      return { kind: 'awareness', entries }
    }
    case AUTH:
      return { kind: 'denied', allowed: decoding.readVarUint(decoder) !== 0, reason: decoding.readVarString(decoder) }
    case QUERY_AWARENESS:
      return { kind: 'query' }
    default:
      throw new Error(`unknown message type ${type}`)
  }
}
