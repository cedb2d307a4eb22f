import { ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { applyAwarenessUpdate, Awareness, encodeAwarenessUpdate } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { colors, inkOn, Presence } from '../src/net/presence'

Object.assign(globalThis, { window: globalThis })

function somebody(clientID: number) {
  const doc = new Y.Doc()
  doc.clientID = clientID
  const awareness = new Awareness(doc)
  const presence = new Presence(awareness, () => {})
  return { awareness, presence }
}

/** What `person` looks like to others at once, without the pause between two messages. */
function show({ awareness, presence }: ReturnType<typeof somebody>, to: Awareness) {
  const { name: userName, color } = presence.me
  awareness.setLocalStateField('presence', { userName, color })
  applyAwarenessUpdate(to, encodeAwarenessUpdate(awareness, [awareness.clientID]), 'line')
}

test('those who have chosen nothing differ in name and colour, and what was chosen stays', () => {
  const [ada, ben] = [somebody(1), somebody(2)]
  ada.presence.rename({ name: ben.presence.me.name, color: ben.presence.me.color })
  show(ada, ben.awareness)
  show(ben, ada.awareness)
  ok(ben.presence.me.name !== ada.presence.me.name && ben.presence.me.color !== ada.presence.me.color)
  ben.presence.rename({ name: ada.presence.me.name })
  ada.presence.rename({ color: ben.presence.me.color })
  show(ada, ben.awareness)
  strictEqual(ben.presence.me.name, ada.presence.me.name)
  ok(ben.presence.me.color !== ada.presence.me.color)
  for (const { awareness } of [ada, ben]) awareness.destroy()
})

test('names can be read on any colour', () => {
  for (const color of [...colors(), '#ffffff', '#000000', '#ffff00', '#777777', '#767676']) {
    const luminance = (of: string) => {
      const [r, g, b] = [1, 3, 5].map((at) => parseInt(of.slice(at, at + 2), 16) / 255).map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
      return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
    }
    const [a, b] = [luminance(color), luminance(inkOn(color))].sort((x, y) => y - x)
    const ratio = (a! + 0.05) / (b! + 0.05)
    ok(ratio >= 4, `${color}: ${ratio}`)
  }
})
