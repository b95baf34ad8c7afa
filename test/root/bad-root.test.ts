import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pathsOf } from '../../src/state/paths.ts';
import { bayplan } from './harness.ts';

describe('a root folder that cannot be one', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bayplan-test-'));
  const [readOnly, file] = [join(folder, 'ro'), join(folder, 'file')];
  beforeAll(() => {
    mkdirSync(readOnly);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'none', readOnly]);
    writeFileSync(file, '');
  });
  afterAll(() => {
    execFileSync('umount', [readOnly]);
    rmSync(folder, { recursive: true });
  });

  it.each([
    ['in /proc', `/proc/bayplan-${process.pid}`, 'ENOENT'], ['read-only', readOnly, 'EROFS'], ['below a read-only one', join(readOnly, 'x'), 'EROFS'], ['a file', file, 'ENOTDIR'],
  ])('is refused in one line and leaves nothing behind: %s', async (_what, root, code) => {
    for (const command of [['ls'], ['engine', 'run']]) {
      const { code: status, stderr } = await bayplan(['--root', root, ...command]);
      expect(status).toBe(1);
      expect(stderr.trim().split('\n')).toEqual([expect.stringMatching(new RegExp(`^bayplan: root folder ${root}: ${code}: .*; choose another with --root$`))]);
      expect(existsSync(pathsOf(root).run)).toBe(false);
    }
  });
});
