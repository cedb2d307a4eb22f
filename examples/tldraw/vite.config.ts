// Builds the example into dist/. Every font, icon and translation is bundled: the page must work
// without reaching any host but the one it came from and the sync server.

import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  // Relative, so that dist/ can be served from any folder.
  base: './',
  plugins: [react()],
  // Two copies of Yjs in one page misapply each other's updates without an error.
  resolve: { dedupe: ['yjs', 'y-protocols', 'lib0'] },
  // The dev server's pre-bundler does not understand the `?url` imports in this package.
  optimizeDeps: { exclude: ['@tldraw/assets'] },
  build: {
    // tldraw addresses icons inside an SVG by fragment, which an inlined data URL would break.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 4000,
  },
})
