// The colours and measures of boards, the same as in tldraw, so that a board looks alike wherever it is opened.

import type { Color, Font, Size } from '../board/records'

export interface Ink {
  solid: string
  semi: string
  pattern: string
  note: string
  noteText: string
  marker: string
}

export interface Theme {
  name: 'light' | 'dark'
  background: string
  paper: string
  text: string
  colors: { [color in Color]: Ink }
}

const inks = (rows: { [color in Color]: string }): { [color in Color]: Ink } =>
  Object.fromEntries(
    Object.entries(rows).map(([color, row]) => {
      const [solid, semi, pattern, note, noteText, marker] = row.split(' ') as [string, string, string, string, string, string]
      return [color, { solid, semi, pattern, note, noteText, marker }]
    })
  ) as { [color in Color]: Ink }

export const LIGHT: Theme = {
  name: 'light',
  background: '#f9fafb',
  paper: '#fcfffe',
  text: '#000000',
  colors: inks({
    black: '#1d1d1d #e8e8e8 #494949 #fce19c #000000 #fddd00',
    grey: '#9fa8b2 #eceef0 #bcc3c9 #c0cad3 #000000 #cbe7f1',
    'light-violet': '#e085f4 #f5eafa #e9acf8 #dfb0f9 #000000 #ff88ff',
    violet: '#ae3ec9 #ecdcf2 #bd63d3 #db91fd #000000 #c77cff',
    blue: '#4465e9 #dce1f8 #6681ee #8aa3ff #000000 #10acff',
    'light-blue': '#4ba1f1 #ddedfa #6fbbf8 #9bc4fd #000000 #00f4ff',
    yellow: '#f1ac4b #f9f0e6 #fecb92 #fed49a #000000 #fddd00',
    orange: '#e16919 #f8e2d4 #f78438 #faa475 #000000 #ffa500',
    green: '#099268 #d3e9e3 #39a785 #6fc896 #000000 #00ffc8',
    'light-green': '#4cb05e #dbf0e0 #65cb78 #98d08a #000000 #65f641',
    'light-red': '#f87777 #f4dadb #fe9e9e #f7a5a1 #000000 #ff7fa3',
    red: '#e03131 #f4dadb #e55959 #fc8282 #000000 #ff636e',
    white: '#ffffff #f5f5f5 #f9f9f9 #ffffff #000000 #ffffff',
  }),
}

export const DARK: Theme = {
  name: 'dark',
  background: '#101011',
  paper: '#010403',
  text: '#f8fafb',
  colors: inks({
    black: '#f2f2f2 #2c3036 #989898 #2c2c2c #f2f2f2 #d2b700',
    grey: '#9398b0 #33373c #7c8187 #56595f #f2f2f2 #9cb4cb',
    'light-violet': '#e599f7 #383442 #9770a9 #762f8e #f2f2f2 #c400c7',
    violet: '#ae3ec9 #342938 #763a8b #5f1c70 #f2f2f2 #9e00ee',
    blue: '#4f72fc #262d40 #3a4b9e #2a3f98 #f2f2f2 #0079d2',
    'light-blue': '#4dabf7 #2a3642 #4d7aa9 #1f5495 #f2f2f2 #00bdc8',
    yellow: '#ffc034 #3b352b #fecb92 #8a5e1c #f2f2f2 #d2b700',
    orange: '#f76707 #3b2e27 #9f552d #7c3905 #f2f2f2 #d07a00',
    green: '#099268 #253231 #366a53 #014429 #f2f2f2 #009774',
    'light-green': '#40c057 #2a3830 #4e874e #21581d #f2f2f2 #00a000',
    'light-red': '#ff8787 #3c2b2b #a56767 #7a3333 #f2f2f2 #db005b',
    red: '#e03131 #382726 #8f3734 #7e201f #f2f2f2 #de002c',
    white: '#f3f3f3 #f5f5f5 #f9f9f9 #eaeaea #1d1d1d #ffffff',
  }),
}

/** Width of lines, px. */
export const STROKE: { [size in Size]: number } = { s: 2, m: 3.5, l: 5, xl: 10 }
/** Heights of letters, px. */
export const TEXT_PX: { [size in Size]: number } = { s: 18, m: 24, l: 36, xl: 44 }
export const LABEL_PX: { [size in Size]: number } = { s: 18, m: 22, l: 26, xl: 32 }
export const ARROW_LABEL_PX: { [size in Size]: number } = { s: 18, m: 20, l: 24, xl: 28 }

/** Families of style.css, each with what stands in where it cannot be had. */
export const FAMILY: { [font in Font]: string } = {
  draw: '"Scrible Draw", "Comic Sans MS", cursive, sans-serif',
  sans: '"Scrible Sans", system-ui, sans-serif',
  serif: '"Scrible Serif", Georgia, serif',
  mono: '"Scrible Mono", ui-monospace, monospace',
}

export const LINE_HEIGHT = 1.35
/** Between a label and the edge of its shape, px. */
export const LABEL_PADDING = 16
