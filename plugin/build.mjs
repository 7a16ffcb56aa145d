/**
 * Build every plugin into one file each, which the wheel carries and the server serves:
 *
 *     src/segue/web/plugins/braze/0123456789abcdef0123.js     the name is the content's SHA-256
 *     src/segue/web/plugins/manifest.json                     {"braze": "0123456789abcdef0123.js", …}
 *
 * The same sources and the same lock give the same bytes; a test compares.
 *
 *     node build.mjs [FOLDER]
 */

import { build } from 'esbuild'
import { createHash } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const HERE = dirname(fileURLToPath(import.meta.url))
const FOLDER = resolve(process.argv[2] ?? join(HERE, '..', 'src', 'segue', 'web', 'plugins'))

const BANNER = `/* Segue. Apache License 2.0.
 * Holds parts of @segment/browser-destination-runtime, @segment/actions-core, @segment/destination-subscriptions
 * and @segment/fql-ts: Copyright Segment.io, Inc., MIT License. Their texts are in the NOTICE file. */`

/** The mapping kit's Liquid engine stays outside: src/liquid.ts says so to a mapping that asks for it. */
const withoutLiquid = {
  name: 'without-liquid',
  setup: ({ onResolve }) => {
    onResolve({ filter: /liquid-directive$/ }, () => ({ path: join(HERE, 'src', 'liquid.ts') }))
  },
}

const { outputFiles } = await build({
  absWorkingDir: HERE,
  entryPoints: { braze: 'src/web/entry.ts', 'braze-cloud-plugins': 'src/cloud/entry.ts', appboy: 'src/classic/entry.ts' },
  outdir: FOLDER,
  bundle: true,
  format: 'iife',
  platform: 'browser',
  target: 'es2018',
  minify: true,
  charset: 'ascii',
  legalComments: 'none',
  banner: { js: BANNER },
  plugins: [withoutLiquid],
  logLevel: 'warning',
  write: false,
})

const manifest = {}
for (const { path, contents } of outputFiles) {
  const name = basename(path, '.js')
  manifest[name] = `${createHash('sha256').update(contents).digest('hex').slice(0, 20)}.js`
  rmSync(join(FOLDER, name), { recursive: true, force: true })
  mkdirSync(join(FOLDER, name), { recursive: true })
  writeFileSync(join(FOLDER, name, manifest[name]), contents)
}
const text = JSON.stringify(Object.fromEntries(Object.entries(manifest).sort()), null, 2)
writeFileSync(join(FOLDER, 'manifest.json'), `${text}\n`)
