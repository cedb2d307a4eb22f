// Text with paragraphs and marks, as tldraw keeps it (ProseMirror JSON). We write plain paragraphs, show more than that, and
// never edit what plain paragraphs could not hold: formatting that we cannot give must not get lost by us.

import type { Json } from './records'

export type RichText = { type: 'doc'; content: Json[] } & { [key: string]: Json }

/** A piece of a line in one face. */
export interface Run {
  text: string
  bold: boolean
  italic: boolean
}

/** What stands between two line ends that somebody typed. */
export type Paragraph = Run[]

type Node = { type?: Json; text?: Json; content?: Json; marks?: Json; attrs?: Json }

/** Deeper than any editor makes it; what is deeper is left out. */
const MAX_DEPTH = 32

export function plainParagraphs(text: string): RichText {
  const content = text.split('\n').map((line): Json => {
    return line ? { type: 'paragraph', content: [{ type: 'text', text: line }] } : { type: 'paragraph' }
  })
  return { type: 'doc', content }
}

export function paragraphs(richText: RichText): Paragraph[] {
  const all: Paragraph[] = []
  for (const node of nodes(richText.content)) collect(node, '', all, 0)
  return all.length ? all : [[]]
}

export const plainText = (richText: RichText): string =>
  paragraphs(richText)
    .map((paragraph) => paragraph.map(({ text }) => text).join(''))
    .join('\n')

/** Whether `plainParagraphs(plainText(it))` says the same. */
export function isPlain(richText: RichText): boolean {
  return nodes(richText.content).every(
    ({ type, content }) =>
      type === 'paragraph' && nodes(content ?? []).every(({ type, marks }) => type === 'text' && !(Array.isArray(marks) && marks.length))
  )
}

const nodes = (content: Json | undefined): Node[] =>
  Array.isArray(content) ? content.filter((node) => typeof node === 'object' && node !== null && !Array.isArray(node)) as Node[] : []

function collect(node: Node, prefix: string, all: Paragraph[], depth: number) {
  if (depth > MAX_DEPTH) return
  const children = nodes(node.content)
  if (node.type === 'bulletList' || node.type === 'orderedList') {
    const start = Number((node.attrs as { start?: Json } | undefined)?.start ?? 1) || 1
    children.forEach((child, i) => collect(child, node.type === 'bulletList' ? `${prefix}• ` : `${prefix}${start + i}. `, all, depth + 1))
    return
  }
  if (children.some(({ type }) => type !== 'text' && type !== 'hardBreak')) {
    // Only the first line of a list's item has its mark.
    children.forEach((child, i) => collect(child, i ? prefix.replace(/\S/g, ' ') : prefix, all, depth + 1))
    return
  }
  let line: Paragraph = prefix ? [{ text: prefix, bold: false, italic: false }] : []
  all.push(line)
  for (const { type, text, marks } of children) {
    if (type === 'hardBreak') {
      all.push((line = []))
      continue
    }
    const has = (name: string) => nodes(marks).some((mark) => mark.type === name)
    const run = { bold: node.type === 'heading' || has('bold'), italic: has('italic') }
    String(text ?? '')
      .split('\n')
      .forEach((piece, i) => {
        if (i) all.push((line = []))
        if (piece) line.push({ text: piece, ...run })
      })
  }
}
