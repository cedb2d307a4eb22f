// What docs/connect.md shows is what the examples hold, which other tests run: every line of a snippet is a line of the file that is
// named before it, in the same order.

import { strictEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const docs = join(import.meta.dirname, '../../docs')
const lines = (text) => text.split('\n').map((line) => line.trim()).filter(Boolean)

test('the snippets of the documentation are lines of the examples', () => {
  const page = readFileSync(join(docs, 'connect.md'), 'utf8')
  const snippets = [...page.matchAll(/^From \[.*?\]\((.*?)\)[^`]*(?:`[^`\n]+`[^`]*)*```\w+\n(.*?)^```$/gms)]
  strictEqual(snippets.length, page.match(/^```\w/gm).length, 'each snippet names its file')
  for (const [, file, snippet] of snippets) {
    const held = lines(readFileSync(join(docs, file), 'utf8'))
    let at = 0
    for (const line of lines(snippet)) {
      at = held.indexOf(line, at) + 1
      strictEqual(at > 0, true, `${file} does not hold in this order: ${line}`)
    }
  }
})
