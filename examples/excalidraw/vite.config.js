// Excalidraw would fetch its fonts from a host on the internet; they are served from here instead.

import { defineConfig } from 'vite'
import { viteStaticCopy } from 'vite-plugin-static-copy'

const fonts = 'node_modules/@excalidraw/excalidraw/dist/prod/fonts'

export default defineConfig({
  plugins: [viteStaticCopy({ targets: [{ src: fonts, dest: '.' }] })],
})
