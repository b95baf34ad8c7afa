import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileWatcher } from '../../src/watch/file-watcher.ts';
import { eventually } from '../root/harness.ts';

// What the kernel tells of real files.
let top: string;
let seen: Set<string>;
let failed: string[];
let watcher: FileWatcher;

beforeEach(() => {
  top = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'bayplan-watch-'));
  [seen, failed] = [new Set(), []];
  watcher = new FileWatcher({ skips: (folder) => folder.endsWith('/skipped'), changed: (path) => seen.add(path), failed: ({ message }) => failed.push(message) });
});
afterEach(() => {
  watcher.close();
  rmSync(top, { recursive: true, force: true });
  expect(failed).toEqual([]);
});

const at = (...names: string[]): string => join(top, ...names);
const write = (path: string, text = 'x'): void => {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), text);
};
/** All of these are told of. */
async function told(...paths: string[]): Promise<void> {
  await eventually(() => expect([...seen]).toEqual(expect.arrayContaining(paths.map((path) => at(path)))));
}

test('files that are written, made, renamed over and removed, in folders old and new', async () => {
  write('src/a');
  write('src/d/b');
  watcher.follow([at('src')]);
  write('src/a', 'y');
  write('src/d/new');
  write('src/d/.tmp');
  renameSync(at('src/d/.tmp'), at('src/d/b'));
  write('src/e/f/g/h');
  await told('src/a', 'src/d/new', 'src/d/b', 'src/e', 'src/e/f/g/h');
  seen.clear();
  unlinkSync(at('src/a'));
  rmSync(at('src/e'), { recursive: true });
  await told('src/a', 'src/e');
  seen.clear();
  write('src/e/f/g/again');
  await told('src/e', 'src/e/f/g/again');
});

test('nothing of a folder that is skipped, and nothing beside what is followed', async () => {
  write('src/skipped/deep/a');
  write('other/a');
  watcher.follow([at('src')]);
  write('src/skipped/deep/a', 'y');
  write('other/a', 'y');
  write('src/z');
  await told('src/z');
  expect([...seen].filter((path) => path.includes('deep') || path.includes('other'))).toEqual([]);
});

test('a folder that another takes the place of: what only the former had has gone', async () => {
  write('src/d/old');
  write('src/d/both');
  write('next/both');
  write('next/fresh');
  watcher.follow([at('src')]);
  renameSync(at('src/d'), at('former'));
  renameSync(at('next'), at('src/d'));
  await told('src/d/old', 'src/d/both', 'src/d/fresh');
  seen.clear();
  write('src/d/fresh', 'y');
  write('former/old', 'y');
  await told('src/d/fresh');
  expect(seen).not.toContain(at('former/old'));
});

test('a file that is not there yet, nor the folders above it; and again after they were taken away', async () => {
  watcher.follow([at('a/b/file'), at('a/c')]);
  for (let turn = 0; turn < 2; turn++) {
    write('a/b/file');
    write('a/c/d/e');
    await told('a/b/file', 'a/c/d/e');
    seen.clear();
    rmSync(at('a'), { recursive: true });
    await told('a/b/file', 'a/c');
    seen.clear();
  }
});

test('a file alone: what is beside it is not told of', async () => {
  write('compose.yaml');
  write('beside');
  watcher.follow([at('compose.yaml')]);
  write('beside', 'y');
  write('.swap');
  renameSync(at('.swap'), at('compose.yaml'));
  await told('compose.yaml');
  expect([...seen]).toEqual([at('compose.yaml')]);
});

test('a root that is a link, and leads elsewhere later', async () => {
  write('one/a');
  write('two/b');
  symlinkSync('one', at('now'));
  watcher.follow([at('now')]);
  write('one/a', 'y');
  await told('now/a');
  symlinkSync('two', at('next'));
  renameSync(at('next'), at('now'));
  await told('now/b');
  seen.clear();
  write('two/b', 'y');
  await told('now/b');
});

test('other roots from now on', async () => {
  write('one/a');
  write('two/b');
  watcher.follow([at('one')]);
  watcher.follow([at('two')]);
  write('one/a', 'y');
  write('two/b', 'y');
  await told('two/b');
  expect([...seen]).toEqual([at('two/b')]);
});

const kernelWatches = (): number => readdirSync('/proc/self/fdinfo').reduce((sum, fd) => {
  try {
    return sum + (readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').match(/^inotify wd/gm) ?? []).length;
  } catch {
    return sum; // the descriptor of the list itself has gone
  }
}, 0);

test('10,000 files with one watch a folder; and more events at once than the kernel keeps lose no file', async () => {
  for (let folder = 0; folder < 100; folder++) {
    mkdirSync(at(`src/d${folder}`), { recursive: true });
    for (let file = 0; file < 100; file++) writeFileSync(at(`src/d${folder}/f${file}`), '');
  }
  const before = kernelWatches();
  watcher.follow([at('src')]);
  expect(watcher.size).toBe(102); // with the one above it
  expect(kernelWatches() - before).toBe(102);
  // Nobody reads the queue (16,384 events by default) meanwhile.
  const all = readdirSync(at('src')).flatMap((folder) => readdirSync(at('src', folder)).map((name) => at('src', folder, name)));
  for (const path of all) writeFileSync(path, 'changed');
  for (const path of all.slice(0, 3000)) unlinkSync(path);
  await eventually(() => expect(all.filter((path) => !seen.has(path))).toEqual([]));
});
