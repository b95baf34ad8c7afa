#!/usr/bin/env node
// Makes the images of the examples and tests from Debian packages, without a registry, as `docker save` archives:
//   hello.tar  bayplan/hello                                             (busybox-static; needs no network)
//   shop.tar   bayplan/nginx, bayplan/app, bayplan/postgres, bayplan/redis  (one shared base layer; needs root and a Debian mirror)
//
//   node test/images/make-images.mjs hello|shop|all [--out DIR] [--force]
//
// Prints the archives' paths. What is there already is not made again.
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const makers = {
  hello: async (archive) => (await import('./busybox.mjs')).makeHello(archive),
  shop: async (archive) => (await import('./shop.mjs')).makeShop(archive),
};

function readArguments() {
  try {
    return parseArgs({ allowPositionals: true, options: { out: { type: 'string' }, force: { type: 'boolean' } } });
  } catch (error) {
    return usage(error.message);
  }
}

function usage(problem) {
  console.error(`make-images: ${problem}\nusage: make-images.mjs hello|shop|all [--out DIR] [--force]`);
  process.exit(2);
}

const { values, positionals } = readArguments();
const what = positionals[0] ?? 'all';
const names = what === 'all' ? Object.keys(makers) : [what];
if (positionals.length > 1) usage('expected one name');
if (names.some((name) => !Object.hasOwn(makers, name))) usage(`no image "${what}"`);
const out = resolve(values.out ?? join(dirname(fileURLToPath(import.meta.url)), '../../build/images'));
mkdirSync(out, { recursive: true });
try {
  for (const name of names) {
    const archive = join(out, `${name}.tar`);
    if (values.force || !existsSync(archive)) await makers[name](archive);
    console.log(archive);
  }
} catch (error) {
  console.error(`make-images: ${error.message}`);
  process.exit(1);
}
