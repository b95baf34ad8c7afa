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

/** Loading these takes up to 5 ms each, and most commands need none of them: each is loaded when something of it is first used. None of them is a function itself. */
const LATE = ['child_process', 'crypto', 'dns', 'dns/promises', 'fs/promises', 'http', 'https', 'readline', 'timers/promises', 'tls', 'worker_threads', 'zlib'];

const builtinsWhenUsed = {
  name: 'builtins-when-used',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^(node:)?(${LATE.join('|')})$`) }, ({ path, namespace }) => (namespace === 'late' ? { path, external: true } : { path: `node:${path.replace(/^node:/, '')}`, namespace: 'late' }));
    onLoad({ filter: /.*/, namespace: 'late' }, ({ path }) => {
      const names = Object.getOwnPropertyNames(process.getBuiltinModule(path));
      return { contents: `for (const name of ${JSON.stringify(names)}) Object.defineProperty(exports, name, { enumerable: true, get: () => require(${JSON.stringify(path)})[name] });` };
    });
  },
};

/** What `loadChunk` loads: a function, which needs no copy of the source to make one of it. */
const CHUNK = { banner: { js: '(function (exports, require, module, __filename, __dirname) {' }, footer: { js: '})' } };
const PROGRAM = { banner: { js: '#!/usr/bin/env -S node --' } };

/** V8 keeps a source of ASCII alone in half the memory, and reads it twice as fast. esbuild escapes what is in strings; what is left is in regular expressions. */
const inAscii = (text) => text.replaceAll(/[^\0-\x7f]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);

async function bundle() {
  const { build: esbuild } = await import('esbuild');
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  for (const name of readdirSync('build')) if (/\.cache(\.\d+)?$/.test(name)) rmSync(join('build', name));
  await Promise.all(Object.entries(BUNDLES).map(async ([name, source]) => {
    const { outputFiles: [{ text }] } = await esbuild({
      entryPoints: [source], outfile: `build/${name}.cjs`, write: false, bundle: true, platform: 'node', target: 'node20.19', format: 'cjs', external: ['koffi', '@viz-js/viz'],
      supported: { 'dynamic-import': false }, // what is external too is required: a chunk that comes from V8's code cache has no import()
      minifySyntax: true, minifyWhitespace: true, legalComments: 'none', logLevel: 'warning',
      define: { BAYPLAN_VERSION: JSON.stringify(version), 'import.meta.dirname': '__dirname' },
      plugins: [withoutCommandersPrograms, builtinsWhenUsed],
      ...(name === 'bayplan' ? PROGRAM : name === 'index' ? {} : CHUNK),
    });
    writeFileSync(`build/${name}.cjs`, inAscii(text));
  }));
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
