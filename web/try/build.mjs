// Makes ../dist/ from src/ and ../dashboard/src/, the same bytes on every machine. With --check it compares instead of writing: what is committed must be
// what the sources give, because the server is built from it without Node.

import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const here = import.meta.dirname
const dist = join(here, '../dist')
const hash = (bytes) => createHash('sha256').update(bytes).digest('hex').slice(0, 16)

const { outputFiles } = await build({
  absWorkingDir: here,
  entryPoints: {
    try: 'src/main.ts',
    'try-style': 'src/style.css',
    dashboard: '../dashboard/src/main.ts',
    'dashboard-style': '../dashboard/src/style.css',
  },
  bundle: true,
  minify: true,
  write: false,
  outdir: 'out',
  format: 'esm',
  target: ['es2022', 'chrome111', 'firefox113', 'safari16.4'],
  external: ['/assets/*'],
  legalComments: 'none',
  charset: 'utf8',
  logLevel: 'warning',
})
const output = (name) => Buffer.from(outputFiles.find(({ path }) => path.endsWith(`/${name}`)).contents)
const files = { ...pageOf('try', 'src/index.html'), ...pageOf('dashboard', '../dashboard/src/index.html'), 'try-licences.txt': licences() }

if (process.argv.includes('--check')) {
  for (const [name, bytes] of Object.entries(files)) {
    if (!readFileSync(join(dist, name)).equals(bytes)) throw new Error(`web/dist/${name} is not what the sources give: npm run build`)
  }
} else {
  mkdirSync(dist, { recursive: true })
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(dist, name), bytes)
  const size = Object.values(files).reduce((sum, bytes) => sum + bytes.length, 0)
  console.log(`web/dist: ${Math.round(size / 1024)} KiB`)
}

/** A page with its script and its styles, which it names by what is in them. */
function pageOf(name, source) {
  const js = output(`${name}.js`)
  const css = output(`${name}-style.css`)
  const page = readFileSync(join(here, source), 'utf8').replace('{css}', hash(css)).replace('{js}', hash(js))
  return { [`${name}.html`]: Buffer.from(page), [`${name}.css`]: css, [`${name}.js`]: js }
}

/** What the bundle is made of besides our own, under which terms. */
function licences() {
  const { packages } = JSON.parse(readFileSync(join(here, 'package-lock.json'), 'utf8'))
  const parts = Object.entries(packages)
    .filter(([path, { dev }]) => path && !dev)
    .map(([path, { version, license }]) => {
      const folder = join(here, path)
      const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name))
      const text = file ? readFileSync(join(folder, file), 'utf8').trim() : ''
      return `${path.replace(/^.*node_modules\//, '')} ${version} (${license})\n\n${text}\n`
    })
  return Buffer.from(`try.js contains parts of these packages.\n\n${parts.join(`\n${'-'.repeat(72)}\n\n`)}`)
}
