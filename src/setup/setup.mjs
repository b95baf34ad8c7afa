#!/usr/bin/env node
// Sets up what is missing, then does one of: build, start, test, test:long, bench. Plain JavaScript without dependencies: it runs on a
// fresh clone, before there are any.
import { spawnSync } from 'node:child_process';
import { SetupError } from './setup-error.mjs';

const STEPS = {
  build: async () => (await import('./build.mjs')).build(),
  start: async () => (await import('./start.mjs')).start(),
  'test': async () => (await import('./test.mjs')).test(),
  'test:long': async () => (await import('./test.mjs')).testLong(),
  bench: async (args) => {
    await (await import('./build.mjs')).build();
    return spawnSync(process.execPath, ['test/bench/bench.mjs', ...args], { stdio: 'inherit' }).status ?? 1;
  },
};

const [name = 'build', ...args] = process.argv.slice(2);
const step = STEPS[name];
process.chdir(new URL('../..', import.meta.url).pathname);
if (step === undefined) {
  console.error(`setup: unknown step "${name}": expected one of ${Object.keys(STEPS).join(', ')}`);
  process.exit(2);
}
try {
  process.exitCode = (await step(args)) ?? 0;
} catch (error) {
  console.error(error instanceof SetupError ? `setup: ${error.message}` : error);
  process.exitCode = 1;
}
