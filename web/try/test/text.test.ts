import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { isPlain, paragraphs, plainParagraphs, plainText, type RichText } from '../src/board/rich-text'
import { lay, widestWord } from '../src/draw/text'
import { placeOf } from '../src/place'
import { lightOf } from '../src/ui/status'

const measure = (text: string) => text.length * 10
const setting = { font: 'sans' as const, px: 20 }
const lines = (text: string, maxWidth: number | null) =>
  lay(plainParagraphs(text), { ...setting, maxWidth }, measure).lines.map(({ runs }) => runs.map((run) => run.text).join(''))

test('lines break between words, long words anywhere, and space stays', () => {
  deepStrictEqual(lines('one two three', 80), ['one two ', 'three'])
  deepStrictEqual(lines('extraordinary', 50), ['extra', 'ordin', 'ary'])
  deepStrictEqual(lines('会議メモ: 次', 40), ['会議メモ', ': 次'])
  deepStrictEqual(lines('a  b\n\nc', null), ['a  b', '', 'c'])
  const laid = lay(plainParagraphs('one two three'), { ...setting, maxWidth: 80 }, measure)
  deepStrictEqual([laid.lines[0]!.width, laid.h, laid.lineHeight], [70, 54, 27])
  strictEqual(widestWord(plainParagraphs('a bbb\ncc'), setting, measure), 30)
})

test('text goes into paragraphs and back', () => {
  for (const text of ['', 'one', 'one\ntwo', '\n\nx\n']) {
    strictEqual(plainText(plainParagraphs(text)), text)
    ok(isPlain(plainParagraphs(text)))
  }
})

test('what others format is read, and not taken for plain', () => {
  const word = (text: string, ...marks: string[]) => ({ type: 'text', text, marks: marks.map((type) => ({ type })) })
  const item = (text: string) => ({ type: 'listItem', content: [{ type: 'paragraph', content: [word(text)] }] })
  const richText: RichText = {
    type: 'doc',
    content: [
      { type: 'paragraph', content: [word('so '), word('bold', 'bold'), { type: 'hardBreak' }, word('slanted', 'italic')] },
      { type: 'bulletList', content: [item('one'), item('two')] },
      { type: 'orderedList', attrs: { start: 3 }, content: [item('three')] },
    ],
  }
  strictEqual(plainText(richText), 'so bold\nslanted\n• one\n• two\n3. three')
  ok(paragraphs(richText)[0]![1]!.bold && paragraphs(richText)[1]![0]!.italic)
  ok(!isPlain(richText))
  // Nested without end, or not text at all.
  let deep: RichText = { type: 'doc', content: [] }
  for (let i = 0; i < 500; i++) deep = { type: 'doc', content: [{ type: 'bulletList', content: [deep] }] }
  deepStrictEqual(paragraphs(deep), [[]])
  deepStrictEqual(paragraphs({ type: 'doc', content: [null, 3, 'x', []] }), [[]])
})

test('the address says which room it is', () => {
  const at = (pathname: string, protocol = 'http:') => placeOf({ protocol, host: 'draw.example', pathname })
  deepStrictEqual(at('/try/plans'), { room: 'plans', name: 'plans', server: 'ws://draw.example' })
  deepStrictEqual(at('/try/a%2Fb%20c/d', 'https:'), { room: 'a/b c/d', name: 'a/b c/d', server: 'wss://draw.example' })
  const grant = 'plans~gABCDEFGHIJKLMNOPQRSTUV'
  deepStrictEqual(at(`/try/${grant}`), { room: grant, name: 'plans', server: 'ws://draw.example' })
  for (const path of ['/', '/try', '/try/', '/try/%zz', '/other/try/a']) strictEqual(at(path), null, path)
})

test('the light is green only when everything is stored', () => {
  const state = { line: 'open' as const, reason: '', arrived: true, unsaved: 0, readOnly: false }
  strictEqual(lightOf(state, false), 'saved')
  strictEqual(lightOf({ ...state, unsaved: 1 }, false), 'saving')
  strictEqual(lightOf({ ...state, line: 'broken' }, false), 'offline')
  strictEqual(lightOf({ ...state, line: 'connecting' }, false), 'offline')
  strictEqual(lightOf({ ...state, line: 'connecting', arrived: false }, false), 'connecting')
  strictEqual(lightOf({ ...state, line: 'refused' }, false), 'refused')
  strictEqual(lightOf({ ...state, readOnly: true }, false), 'looking')
  strictEqual(lightOf(state, true), 'looking')
})
