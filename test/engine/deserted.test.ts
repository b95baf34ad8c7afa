import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isDeleted } from '../../src/engine/deserted.ts';

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'bayplan-deserted-')); });
afterEach(() => rmSync(folder, { recursive: true }));

test('a root folder is deleted where there is none, and not where that cannot be seen', () => {
  writeFileSync(join(folder, 'file'), '');
  symlinkSync('loop', join(folder, 'loop'));
  const mount = (point: string, type: string): string => `700 600 254:0 / ${point} rw,relatime shared:1 - ${type} what rw`;
  const deletedOn = (...mounts: readonly string[]): boolean => isDeleted(join(folder, 'with blank', 'none'), [mount('/', 'ext4'), ...mounts, ''].join('\n'));
  expect([deletedOn(), deletedOn(mount(folder, 'nfs4')), deletedOn(mount(`${folder}/with\\040blank`, 'fuse.sshfs'), mount('/', 'overlay')), deletedOn(mount(folder, 'nfs'), mount(folder, 'xfs')), deletedOn(mount(`${folder}/with`, 'nfs'))]).toEqual([true, false, false, true, true]);
  expect([folder, 'none', 'none/below', 'file/below', 'loop', 'loop/below', 'x'.repeat(300)].map((path) => isDeleted(join(folder, path === folder ? '.' : path)))).toEqual([false, true, true, false, false, false, false]);
});
