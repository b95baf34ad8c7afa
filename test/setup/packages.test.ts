import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'bayplan-setup-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('where apt is missing, the message is one line that names what to install', () => {
  // A checkout whose npm packages are there, on a machine whose PATH has nothing.
  mkdirSync(join(folder, 'src'), { recursive: true });
  mkdirSync(join(folder, 'node_modules'));
  cpSync(join(root, 'src/setup'), join(folder, 'src/setup'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  for (const lock of ['package-lock.json', 'node_modules/.package-lock.json']) writeFileSync(join(folder, lock), '{"packages":{}}');
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, 'src/setup/setup.mjs'), 'build'], { encoding: 'utf8', env: { PATH: folder } });
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/^setup: these are missing and there is no apt-get [^\n]*\bgcc make\b[^\n]*\n$/);
});

test('an unknown step names the known ones', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'src/setup/setup.mjs'), 'strat'], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([2, 'setup: unknown step "strat": expected one of build, start, test, test:long, bench\n']);
});
