// Lays text out in lines. Knows how wide a piece of text is only from the function that it is given, so it works without a
// browser.

import { paragraphs, type RichText, type Run } from '../board/rich-text'
import type { Font } from '../board/records'
import { FAMILY, LINE_HEIGHT } from './theme'

/** The width of a text in px; `face` as in the CSS property `font`. */
export type Measure = (text: string, face: string) => number

export interface Setting {
  font: Font
  /** Height of the letters. */
  px: number
  /** Where lines are broken; null: only where somebody broke them. */
  maxWidth: number | null
}

export interface Line {
  runs: Run[]
  width: number
}

export interface Laid {
  lines: Line[]
  lineHeight: number
  w: number
  h: number
}

/** Where a line may break: behind space, and around every character of scripts that use none. */
const BREAKS = /(?<=\s)(?=\S)|(?<=[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}])(?=\S)|(?=[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}])/u

export const faceOf = (font: Font, px: number, { bold, italic }: Pick<Run, 'bold' | 'italic'>): string =>
  `${italic ? 'italic ' : ''}${bold ? 700 : 400} ${px}px ${FAMILY[font]}`

export function lay(richText: RichText, { font, px, maxWidth }: Setting, measure: Measure): Laid {
  const widthOf = (run: Run) => measure(run.text, faceOf(font, px, run))
  const lines = paragraphs(richText).flatMap((paragraph) => broken(paragraph, maxWidth ?? Infinity, widthOf))
  if (maxWidth !== null) for (const line of lines) hang(line, widthOf)
  const lineHeight = Math.round(px * LINE_HEIGHT)
  return { lines, lineHeight, w: Math.max(0, ...lines.map(({ width }) => width)), h: lines.length * lineHeight }
}

/** The longest word, px. */
export function widestWord(richText: RichText, { font, px }: Pick<Setting, 'font' | 'px'>, measure: Measure): number {
  const words = paragraphs(richText).flat().flatMap((run) => run.text.split(/\s+/).map((text) => ({ ...run, text })))
  return Math.max(0, ...words.map((word) => measure(word.text, faceOf(font, px, word))))
}

/** Space at the end of a line that was broken takes no part in where the line stands. */
function hang(line: Line, widthOf: (run: Run) => number) {
  const last = line.runs.at(-1)
  if (last) line.width -= widthOf(last) - widthOf({ ...last, text: last.text.trimEnd() })
}

function broken(paragraph: Run[], maxWidth: number, widthOf: (run: Run) => number): Line[] {
  let line: Line = { runs: [], width: 0 }
  const lines = [line]
  const take = (run: Run, width: number) => {
    const last = line.runs.at(-1)
    if (last && last.bold === run.bold && last.italic === run.italic) {
      const before = widthOf(last)
      last.text += run.text
      // Kerning: two pieces together are not as wide as one after the other.
      line.width += widthOf(last) - before
    } else {
      line.runs.push({ ...run })
      line.width += width
    }
  }
  const wrap = () => lines.push((line = { runs: [], width: 0 }))
  for (const run of paragraph) {
    for (const text of run.text.split(BREAKS)) {
      const word = { ...run, text }
      const needed = widthOf({ ...run, text: text.trimEnd() })
      if (line.width + needed > maxWidth && line.runs.length) wrap()
      if (needed <= maxWidth) {
        take(word, widthOf(word))
        continue
      }
      for (const char of text) {
        const letter = { ...run, text: char }
        const width = widthOf(letter)
        if (line.width + width > maxWidth && line.runs.length && char.trim()) wrap()
        take(letter, width)
      }
    }
  }
  return lines
}
