import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Parser } from 'tar';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { syncFiles } from '../../src/watch/sync-files.ts';

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'bayplan-sync-')); });
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('files that go while they are read are left out, and what the archive says of them afterwards harms nobody', async () => {
  const names = Array.from({ length: 300 }, (_, at) => `${at % 2 === 0 ? 'stays' : 'goes'}/${at}`);
  mkdirSync(join(folder, 'stays'));
  mkdirSync(join(folder, 'goes'));
  for (const name of names) writeFileSync(join(folder, name), name);
  const got: string[][] = [];
  const client = {
    put: async (_container: string, _folder: string, archive: Readable): Promise<void> => {
      const some: string[] = [];
      got.push(some);
      await pipeline(archive, new Parser({ onReadEntry: (entry) => {
        some.push(entry.path);
        entry.resume();
        rmSync(join(folder, 'goes'), { recursive: true, force: true });
      } }));
    },
    remove: (): Promise<void> => Promise.resolve(),
  };
  await syncFiles(client, 'c', names.map((name) => ({ path: join(folder, name), target: '/app', name })));
  expect(got.length).toBeGreaterThan(1);
  expect(got.at(-1)?.toSorted()).toEqual(names.filter((name) => name.startsWith('stays')).toSorted());
});
