// A version is put back while three real clients draw, in each layout that editors use: at quiet all show what the version showed, and
// besides that exactly what was drawn after the restoring looked at the room.
//
// The one rule: what a version showed is recorded from a client, not read from the server.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import * as Y from 'yjs'
import { canonical } from './harness/canonical.mjs'
import { Member, until } from './harness/member.mjs'
import { Random } from './harness/random.mjs'
import { Server } from './harness/server.mjs'
import { Store } from './harness/store.mjs'

const SEED = Number(process.env.SEED ?? 7)
const ITEMS = 40

/** `tl_<room>`: an array of {key, val}, as YKeyValue writes it; the rightmost entry of a key counts. */
const tldraw = {
  read (doc) {
    return Object.fromEntries(doc.getArray('tl_board').toArray().map(({ key, val }) => [key, val]))
  },
  put (doc, id, n) {
    const list = doc.getArray('tl_board')
    this.remove(doc, id)
    list.push([{ key: id, val: { id, typeName: 'shape', type: 'geo', x: n, y: -n / 3, props: { w: n, text: `😀${n}`, dash: null } } }])
  },
  remove (doc, id) {
    const list = doc.getArray('tl_board')
    for (let at = list.length - 1; at >= 0; at--) if (list.get(at).key === id) list.delete(at)
  }
}

/** A map of maps with a nested array, as bindings for other whiteboards have it. */
const nested = {
  read (doc) { return doc.getMap('elements').toJSON() },
  put (doc, id, n) {
    const map = doc.getMap('elements')
    const element = map.get(id) ?? map.set(id, new Y.Map())
    element.set('x', n)
    element.set('flags', { locked: n % 2 === 0, at: [n, null] })
    let points = element.get('points')
    if (!(points instanceof Y.Array)) points = element.set('points', new Y.Array())
    points.push([n, n / 7])
    if (points.length > 6) points.delete(0, 2)
  },
  remove (doc, id) { doc.getMap('elements').delete(id) }
}

/** A ProseMirror document as Tiptap's collaboration keeps it: paragraphs of marked text. An item is a paragraph that begins with its id. */
const tiptap = {
  read (doc) {
    const paragraphs = doc.getXmlFragment('default').toArray().map(node => [node.nodeName, node.getAttributes(), ...node.toArray().map(text => joined(text.toDelta()))])
    return Object.fromEntries(paragraphs.map(paragraph => [paragraph[2]?.[0]?.insert.split(' ')[0] ?? '', paragraph]))
  },
  put (doc, id, n) {
    const fragment = doc.getXmlFragment('default')
    let paragraph = fragment.toArray().find(node => node.get(0)?.toString().replace(/<[^>]*>/g, '').startsWith(`${id} `))
    if (paragraph === undefined) {
      paragraph = new Y.XmlElement('paragraph')
      const text = new Y.XmlText()
      text.insert(0, `${id} was here 😀`)
      paragraph.insert(0, [text])
      fragment.insert(fragment.length, [paragraph])
    }
    paragraph.setAttribute('indent', n)
    const text = paragraph.get(0)
    text.insert(text.length, ` ${n}`, { bold: {} })
    text.format(0, id.length, { link: { href: `https://example.org/${n}` } })
  },
  remove (doc, id) {
    const fragment = doc.getXmlFragment('default')
    const at = fragment.toArray().findIndex(node => node.get(0)?.toString().replace(/<[^>]*>/g, '').startsWith(`${id} `))
    if (at >= 0) fragment.delete(at)
  }
}

/** Runs with the same marks are one to an editor, wherever Yjs has cut them. */
function joined (delta) {
  const runs = []
  for (const { insert, attributes = {} } of delta) {
    const last = runs.at(-1)
    if (last !== undefined && canonical(last.attributes) === canonical(attributes)) last.insert += insert
    else runs.push({ insert, attributes })
  }
  return runs
}

let server
after(() => server?.end())

describe('V4 V5: a version is put back while three people draw', () => {
  for (const [name, layout] of Object.entries({ tldraw, nested, tiptap })) {
    test(name, () => run(`restore/${name}`, layout))
  }
})

async function run (room, layout) {
  server ??= await Server.start({ SCRIBLE_COMPACT_ROWS: '50' })
  const random = new Random(SEED)
  const members = ['1.5.4', '3.1.0', '3.1.0'].map((version, at) => new Member(`client ${at}`, version, server.url, room))
  const store = new Store(server.database)
  try {
    for (const { provider } of members) provider.connect()
    await until(() => members.every(({ joined }) => joined), () => 'not everybody joined')
    for (let at = 0; at < ITEMS; at++) edit(members, at, doc => layout.put(doc, `item${at}`, at))
    const wanted = await quiet(members, layout)

    const kept = await server.command('room', 'keep', room, '--label', 'wanted')
    assert.equal(kept.code, 0, kept.stderr)
    const version = /^version (\d+) /.exec(kept.stdout)[1]

    for (let step = 0; step < 120; step++) {
      const at = random.below(ITEMS * 2)
      edit(members, step, doc => random.chance(0.4) ? layout.remove(doc, `item${at}`) : layout.put(doc, `item${at}`, 1000 + step))
    }
    const later = await quiet(members, layout)
    assert.notEqual(canonical(later), canonical(wanted))

    const headBefore = await store.head(room)
    const restored = await drawing(members, layout, () => server.command('room', 'restore', room, version))
    assert.equal(restored.result.code, 0, restored.result.stderr)
    assert.equal(restored.result.stderr, '', 'everything could be restored')
    // And they go on.
    edit(members, 0, doc => layout.put(doc, 'item0', 77))
    edit(members, 1, doc => layout.put(doc, 'afterwards', 78))
    const now = await quiet(members, layout)
    const { item0, afterwards, ...rest } = now
    assert.ok(JSON.stringify(item0).includes('77') && JSON.stringify(afterwards).includes('78'), 'later edits stay possible')
    for (const [id, value] of Object.entries(wanted)) {
      if (id !== 'item0') assert.equal(canonical(rest[id]), canonical(value), `${id} is as it was`)
    }
    const extra = Object.keys(rest).filter(id => !(id in wanted))
    assert.deepEqual(extra.filter(id => !restored.drawn.includes(id)), [], 'nothing else is left of what came after the version')
    // Whatever was drawn after the last moment at which the restoring can have looked.
    assert.deepEqual(restored.last.filter(id => !(id in rest)), [], 'what is drawn meanwhile stays')

    assert.ok(await store.head(room) > headBefore, 'history grows')
    const versions = (await server.command('room', 'versions', room, '--json')).stdout.toString().trim().split('\n').map(JSON.parse)
    assert.ok(versions.some(one => String(one.version) === version && one.label === 'wanted'), 'the version is there still')
    const before = versions.find(({ label }) => label === `before version ${version} was restored`)
    assert.ok(before !== undefined, 'what was there before is a version')

    // V2: read back as bytes and as JSON.
    const bytes = await server.command('room', 'show', room, '--version', version, '--format', 'update')
    const replica = new Y.Doc()
    Y.applyUpdate(replica, new Uint8Array(bytes.stdout))
    assert.equal(canonical(layout.read(replica)), canonical(wanted))
    const json = JSON.parse((await server.command('room', 'show', room, '--version', version)).stdout)
    for (const [root, value] of Object.entries(json)) {
      const type = { tldraw: Y.Array, nested: Y.Map, tiptap: Y.XmlFragment }[room.split('/')[1]]
      assert.equal(canonical(value), canonical(replica.get(root, type).toJSON()), `${root} as JSON`)
    }

    // What was undone can be had again: nothing of it was rewritten.
    const back = await server.command('room', 'restore', room, String(before.version))
    assert.equal(back.code, 0, back.stderr)
    const again = await quiet(members, layout)
    for (const [id, value] of Object.entries(later)) assert.equal(canonical(again[id]), canonical(value), `${id} is back`)
  } catch (error) {
    error.message = `${error.message}\nthe server said: ${server.log.slice(-2000)}`
    throw error
  } finally {
    for (const member of members) member.end()
    await store.end()
  }
}

function edit (members, nth, change) {
  const { doc } = members[nth % members.length]
  doc.transact(() => change(doc), 'person')
}

/** Lets all three put new items while something is done. */
async function drawing (members, layout, doing) {
  const drawn = []
  const lastly = []
  let done = false
  const draw = members.map(async (_, at) => {
    for (let n = 0; !done; n++) {
      const id = `new${at}x${n}`
      edit(members, at, doc => layout.put(doc, id, n))
      drawn.push(id)
      await new Promise(resolve => setTimeout(resolve, 3))
    }
    const id = `last${at}`
    edit(members, at, doc => layout.put(doc, id, at))
    drawn.push(id)
    lastly.push(id)
  })
  const result = await doing()
  done = true
  await Promise.all(draw)
  return { result, drawn, last: lastly }
}

/** What everybody shows once all show the same and all of it is stored. */
async function quiet (members, layout) {
  await Promise.all(members.map(member => member.committed()))
  const shown = () => members.map(({ doc }) => canonical(layout.read(doc)))
  await until(() => new Set(shown()).size === 1, () => `they differ: ${shown().join('\n')}`)
  await Promise.all(members.map(member => member.committed()))
  return layout.read(members[0].doc)
}
