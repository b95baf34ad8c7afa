import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installNodeModules, installPackages } from './packages.mjs';
import { run } from './run.mjs';

/** Bundle in build/ → its source. `bayplan` is the program itself, which loads the others; `index` is the library. */
const BUNDLES = { bayplan: 'src/main.ts', cli: 'src/cli/all.ts', ps: 'src/cli/only-ps.ts', engine: 'src/engine-program.ts', index: 'src/index.ts' };

/** Packages, native core, bundles: makes what is missing or older than its sources. */
export async function build(kind = 'build') {
  installNodeModules();
  installPackages(kind);
  mkdirSync('build', { recursive: true });
  run('make', ['-s', '-j2', '-C', 'native']);
  const stamp = sourcesStamp();
  await unlessStamped('build/bundles.stamp', stamp, bundle);
  if (kind === 'build') await unlessStamped('build/types.stamp', stamp, declareTypes); // only programs that import the library read them
}

async function unlessStamped(file, stamp, make) {
  if (existsSync(file) && readFileSync(file, 'utf8') === stamp) return;
  await make();
  writeFileSync(file, stamp);
}

/** The library's declarations; `npm test` is what checks the types. */
function declareTypes() {
  rmSync('build/types', { recursive: true, force: true });
  const options = ['--declaration', '--emitDeclarationOnly', '--noEmit', 'false', '--noCheck', '--outDir', 'build/types', '--rootDir', 'src', '--ignoreConfig'];
  const language = ['--target', 'ES2023', '--module', 'ESNext', '--moduleResolution', 'Bundler', '--types', 'node', '--strict', '--exactOptionalPropertyTypes', '--verbatimModuleSyntax', '--skipLibCheck', '--allowImportingTsExtensions'];
  run(process.execPath, ['node_modules/typescript/bin/tsc', 'src/index.ts', ...options, ...language]);
}

/** commander can run programs as subcommands. None of ours is one, and loading child_process for it would cost each command 2.5 ms. */
const withoutCommandersPrograms = {
  name: 'without-commanders-programs',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:child_process$/ }, ({ importer }) => (importer.includes('/node_modules/commander/') ? { path: 'none', namespace: 'none' } : undefined));
    onLoad({ filter: /.*/, namespace: 'none' }, () => ({ contents: 'module.exports = {};' }));
  },
};

async function bundle() {
  const { build: esbuild } = await import('esbuild');
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  for (const name of readdirSync('build')) if (/\.cache(\.\d+)?$/.test(name)) rmSync(join('build', name));
  await Promise.all(Object.entries(BUNDLES).map(([name, source]) => esbuild({
    entryPoints: [source], outfile: `build/${name}.cjs`, bundle: true, platform: 'node', target: 'node20.19', format: 'cjs', external: ['koffi', '@viz-js/viz'],
    supported: { 'dynamic-import': false }, // what is external too is required: a chunk that comes from V8's code cache has no import()
    minifySyntax: true, minifyWhitespace: true, legalComments: 'none', logLevel: 'warning',
    define: { BAYPLAN_VERSION: JSON.stringify(version), 'import.meta.dirname': '__dirname' },
    plugins: [withoutCommandersPrograms],
    ...(name === 'bayplan' ? { banner: { js: '#!/usr/bin/env -S node --' } } : {}),
  })));
  chmodSync('build/bayplan.cjs', 0o755);
}

/** Digest over names, sizes and times of all that goes into the bundles. */
function sourcesStamp() {
  const hash = createHash('sha256');
  const add = (path) => {
    const { mtimeMs, size } = statSync(path);
    hash.update(`${path} ${mtimeMs} ${size}\n`);
  };
  const walk = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (entry.isDirectory()) walk(join(folder, entry.name));
      else add(join(folder, entry.name));
    }
  };
  walk('src');
  add('package.json');
  add('package-lock.json');
  for (const name of Object.keys(BUNDLES)) hash.update(`${name} ${existsSync(`build/${name}.cjs`)}\n`);
  return hash.digest('hex');
}
