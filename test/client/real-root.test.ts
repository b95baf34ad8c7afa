import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { realRoot } from '../../src/client/real-root.ts';
import { pathsOf } from '../../src/state/paths.ts';

let folder: string;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'bayplan-root-')));
  mkdirSync(join(folder, 'data'));
  symlinkSync('data', join(folder, 'link'));
});
afterEach(() => { rmSync(folder, { recursive: true }); });

test('a root folder has one name, whatever link leads to it', () => {
  expect(realRoot(join(folder, 'link'))).toBe(join(folder, 'data'));
  expect(pathsOf(realRoot(join(folder, 'link')))).toEqual(pathsOf(realRoot(join(folder, 'data'))));
});

test('also before it is there', () => {
  expect(realRoot(join(folder, 'link/a/b'))).toBe(join(folder, 'data/a/b'));
  mkdirSync(join(folder, 'data/a/b'), { recursive: true });
  expect(realRoot(join(folder, 'link/a/b'))).toBe(join(folder, 'data/a/b'));
});

test('below a file, and through links in a circle, it says so', () => {
  writeFileSync(join(folder, 'file'), '');
  symlinkSync('round', join(folder, 'round'));
  expect(() => realRoot(join(folder, 'file/x'))).toThrow(/^root folder .*ENOTDIR/);
  expect(() => realRoot(join(folder, 'round'))).toThrow(/^root folder .*ELOOP/);
});
