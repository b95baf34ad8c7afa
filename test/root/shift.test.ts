import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, linkSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { build, eventually } from './harness.ts';

// `bayplan-core shift`: whom the files of a container become when its users are others.
const core = join(build, 'bayplan-core');
const range = (way: string, base: number): readonly string[] => [`--${way}-uids`, `0:${base}:65536`, `--${way}-gids`, `0:${base}:65536`];
const A = 700_000;
const B = 800_000;
let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'bayplan-shift-')); });
afterEach(() => { rmSync(folder, { recursive: true }); });

const shift = (...options: readonly string[]): void => { execFileSync(core, ['shift', '--folder', folder, ...options], { stdio: 'pipe' }); };
const make = (name: string, id: number): void => {
  writeFileSync(join(folder, name), '');
  chownSync(join(folder, name), id, id);
};
const owner = (name: string): string => {
  const { uid, gid } = lstatSync(join(folder, name));
  return `${uid}:${gid}`;
};

it('gives a file of several names once', () => {
  chownSync(folder, A, A);
  make('one', A + 5);
  mkdirSync(join(folder, 'sub'));
  chownSync(join(folder, 'sub'), A, A);
  linkSync(join(folder, 'one'), join(folder, 'sub/two'));
  chmodSync(join(folder, 'one'), 0o4755);
  symlinkSync('/etc/passwd', join(folder, 'link'));
  execFileSync('chown', ['-h', `${A}:${A}`, join(folder, 'link')]);
  shift(...range('from', A), ...range('to', B));
  expect(['.', 'one', 'sub', 'sub/two', 'link'].map(owner)).toEqual([B, B + 5, B, B + 5, B].map((id) => `${id}:${id}`));
  expect(lstatSync(join(folder, 'one')).mode & 0o7777).toBe(0o4755);
  expect(lstatSync('/etc/passwd').uid).toBe(0);
});

it.each<[string, readonly string[], number, number]>([
  ['from one range to another', [...range('from', A), ...range('to', B)], A, B], ['from the host to a range', range('to', B), 0, B], ['from a range to the host', range('from', A), A, 0],
])('run a second time changes nothing: %s', (_title, options, before, after) => {
  chownSync(folder, before, before);
  make('one', before + 5);
  linkSync(join(folder, 'one'), join(folder, 'two'));
  for (let time = 0; time < 2; time++) {
    shift(...options);
    expect(['.', 'one', 'two'].map(owner)).toEqual([after, after + 5, after + 5].map((id) => `${id}:${id}`));
  }
});

it('makes those that were nobody\'s nobody\'s', () => {
  chownSync(folder, A, A);
  make('odd', 5);
  shift(...range('from', A), ...range('to', B));
  expect(owner('odd')).toBe(`${B + 65_534}:${B + 65_534}`);
});

it('only says, where it shall check alone, that an owner has no place', () => {
  chownSync(folder, 0, 0);
  make('far', 100_000);
  expect(() => { shift(...range('to', B), '--check'); }).toThrow(/far: its owner 100000:100000 has no mapping/);
  rmSync(join(folder, 'far'));
  shift(...range('to', B), '--check');
  expect(owner('.')).toBe('0:0');
});

it('is finished by the next run where it was killed', async () => {
  chownSync(folder, A, A);
  const names = Array.from({ length: 4000 }, (_, at) => `f${at}`);
  for (const [at, name] of names.entries()) {
    make(name, A + at % 60_000);
    linkSync(join(folder, name), join(folder, `${name}.link`));
  }
  const options = [...range('from', A), ...range('to', B)];
  const child = spawn(core, ['shift', '--folder', folder, ...options], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  await eventually(() => { expect(lstatSync(folder).uid).toBe(B); });
  child.kill('SIGKILL');
  await ended;
  shift(...options);
  for (const [at, name] of names.entries()) for (const each of [name, `${name}.link`]) expect(lstatSync(join(folder, each)).uid).toBe(B + at % 60_000);
  expect(readdirSync(folder)).toHaveLength(8000);
});
