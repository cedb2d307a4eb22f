// Runs the tests of the parts that need no browser: bundles each as the page is bundled, so they test the same code.

import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { build } from 'esbuild'

const here = import.meta.dirname
const out = join(here, 'node_modules/.tests')
rmSync(out, { recursive: true, force: true })
const names = ['test', '../dashboard/test'].flatMap((folder) =>
  readdirSync(join(here, folder))
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(folder, name))
)
await build({
  absWorkingDir: here,
  entryPoints: Object.fromEntries(names.map((name) => [basename(name, '.ts'), name])),
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
