// Runs the tests of the parts that need no browser: bundles each as the page is bundled, so they test the same code.

import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const here = import.meta.dirname
const out = join(here, 'node_modules/.tests')
rmSync(out, { recursive: true, force: true })
const names = readdirSync(join(here, 'test')).filter((name) => name.endsWith('.test.ts'))
await build({
  absWorkingDir: here,
  entryPoints: names.map((name) => join('test', name)),
  bundle: true,
  outdir: out,
  outExtension: { '.js': '.mjs' },
  format: 'esm',
  platform: 'node',
  target: 'node20',
  logLevel: 'warning',
})
const files = readdirSync(out).map((name) => join(out, name))
const { status } = spawnSync(process.execPath, ['--test', ...files], { stdio: 'inherit' })
process.exit(status ?? 1)
