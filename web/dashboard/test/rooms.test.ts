import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { claims } from '../src/claims'
import { Events } from '../src/feed'
import { newName } from '../src/names'
import { who } from '../src/presence'
import { ago, bytes, pageOf, rate, Rooms, spark, type Column, type KeptRoom, type LiveRoom, type LiveRooms } from '../src/rooms'
import { snippets } from '../src/snippets'

const live = (name: string, more: Partial<LiveRoom> = {}): LiveRoom => ({ name, connections: 0, people: 0, people_elsewhere: 0, nodes: [], moving: 0, updates_per_second: 0, bytes: 0, stored: 0, changed: null, ...more })
const event = (...rooms: LiveRoom[]): LiveRooms => ({ rooms, open: rooms.length, connections: 0, people: 0, people_elsewhere: 0, moving: 0, updates_per_second: 0, bytes: 0 })
const kept = (name: string, last_active: string, more: Partial<KeptRoom> = {}): KeptRoom => ({ name, title: null, visibility: null, link_role: 'editor', has_password: false, last_active, role: null, ...more })
const names = (rooms: Rooms, column: Column, down: boolean, search = '') => rooms.rows(search, { column, down }).map(({ name }) => name)

test('open and kept rooms make one table, in any order', () => {
  const rooms = new Rooms()
  rooms.hear(event(live('b', { people: 2, bytes: 10, changed: '2026-01-02T00:00:00.000Z' }), live('a10', { people: 2, bytes: 30 }), live('a9', { people: 5, bytes: 20 })))
  rooms.keep([kept('b', '2026-01-01T00:00:00.000Z', { title: 'Plans', has_password: true }), kept('old', '2025-01-01T00:00:00.000Z'), kept('older', '2024-01-01T00:00:00.000Z')])
  deepStrictEqual(names(rooms, 'people', true), ['a9', 'a10', 'b', 'old', 'older'])
  deepStrictEqual(names(rooms, 'people', false), ['a10', 'b', 'a9', 'old', 'older'])
  deepStrictEqual(names(rooms, 'bytes', true), ['a10', 'a9', 'b', 'old', 'older'])
  deepStrictEqual(names(rooms, 'name', false), ['a9', 'a10', 'b', 'old', 'older'])
  deepStrictEqual(names(rooms, 'changed', true), ['b', 'old', 'older', 'a9', 'a10'])
  deepStrictEqual(names(rooms, 'name', false, ' PLAN '), ['b'])
  const [row] = rooms.rows('plans', { column: 'name', down: false })
  deepStrictEqual([row!.title, row!.locked, row!.changed], ['Plans', true, Date.parse('2026-01-02T00:00:00Z')])
})

test('a second without an event is as the one before, and a room that closes is forgotten', () => {
  const rooms = new Rooms()
  rooms.hear({ ...event(live('a', { updates_per_second: 4 })), updates_per_second: 4 })
  for (let second = 0; second < 70; second++) rooms.tick()
  deepStrictEqual([rooms.pastOf('a').length, rooms.past.length, rooms.past[0]], [60, 60, 4])
  rooms.hear(event())
  deepStrictEqual(rooms.pastOf('a'), [])
  strictEqual(rooms.live('a'), null)
})

test('figures are short', () => {
  deepStrictEqual([0, 999, 1000, 12_345, 99_960, 999_600, 3e12].map(bytes), ['0 B', '999 B', '1.00 kB', '12.3 kB', '100 kB', '1.00 MB', '3.00 TB'])
  deepStrictEqual([-500, 2_000, 59_000, 60_000, 7_199_000, 86_400_000].map(ago), ['now', 'now', '59 s ago', '1 min ago', '1 h ago', '1 d ago'])
  deepStrictEqual([0, 0.1, 9.94, 12.6].map(rate), ['0', '0.1', '9.9', '13'])
  strictEqual(spark([0, 2, 1], 59, 11), 'M57.0 10.0L58.0 1.0L59.0 5.5')
})

test('a stream is read wherever it was cut', () => {
  const text = ':\n\nevent: rooms\ndata: {"a":1}\n\nevent: rooms\ndata: {"b":2}\n\n'
  for (let at = 0; at <= text.length; at++) {
    const events = new Events()
    deepStrictEqual([...events.take(text.slice(0, at)), ...events.take(text.slice(at))], ['{"a":1}', '{"b":2}'], String(at))
  }
})

test('people are named as their editors name them, and nothing else is believed', () => {
  const state = (state: unknown) => who({ client: 8, state, node: null })
  deepStrictEqual(state({ user: { name: 'Ada', color: '#c2410c' } }), { name: 'Ada', color: '#c2410c' })
  deepStrictEqual(state({ presence: { userName: 'Ben', color: '#4465e9' } }), { name: 'Ben', color: '#4465e9' })
  deepStrictEqual(state({ username: 'Cid', color: { background: '#abc', stroke: '#000' } }), { name: 'Cid', color: '#abc' })
  for (const nothing of [null, 7, 'x', [], {}, { user: { name: 5, color: 'url(x)' } }, { user: { name: '  ' } }]) {
    const { name, color } = state(nothing)
    strictEqual(name, 'Client 8')
    match(color, /^#[0-9a-f]{6}$/)
  }
  strictEqual(state({ name: 'x'.repeat(500) }).name.length, 60)
})

test('names of new boards are good for a room and hardly meet', () => {
  const made = new Set(Array.from({ length: 500 }, () => newName()))
  ok(made.size > 450)
  for (const name of made) match(name, /^[a-z]+-[a-z]+-[1-9]\d\d$/)
})

test('code and addresses stay what they are, whatever a room is called', () => {
  strictEqual(pageOf('try', "a b/c'd?"), "/try/a%20b/c'd%3F")
  for (const { code, editor } of snippets('ws://localhost:3001', `it's\\ "x"/\u2028`)) {
    ok(code.includes(`'ws://localhost:3001'`), editor)
    const room = editor === 'tldraw' ? `'it\\'s\\\\ "x"/\\u2028'` : `'it\\'s%5C%20%22x%22/%E2%80%A8'`
    ok(code.includes(room), code)
    const lines = code.split('\n').filter((line) => line.trim() && !/^\s*(import|\/\/)/.test(line))
    ok(lines.length <= 10, `${editor}: ${lines.length} lines`)
  }
})

test('a token says whose it is and when it ends, and what is none says nothing', () => {
  const token = (said: unknown) => `e30.${Buffer.from(JSON.stringify(said)).toString('base64url')}.x`
  deepStrictEqual(claims(token({ sub: 'u1', name: 'Zoë ✏️', exp: 1_800_000_000 })), { name: 'Zoë ✏️', ends: 1_800_000_000_000 })
  deepStrictEqual(claims(token({ sub: 'u1', name: 'x'.repeat(129), exp: 'soon' })), { name: 'u1', ends: null })
  deepStrictEqual(claims(token({ sub: 'u1', name: 'a\nb' })).name, 'u1')
  for (const none of ['', 'a.b.c', 'e30', token(null), token(['sub'])]) deepStrictEqual(claims(none), { name: null, ends: null })
})
