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
  expect([folder, 'none', 'none/below', 'file/below', 'loop', 'loop/below', 'x'.repeat(300)].map((path) => isDeleted(join(folder, path === folder ? '.' : path)))).toEqual([false, true, true, false, false, false, false]);
});
