import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

// As many levels as a name can have: whoever may write to a layer or a container can make them.
const core = process.env.BAYPLAN_TEST_CORE ?? new URL('../../build/bayplan-core', import.meta.url).pathname;
const LEVELS = 2040;
const folder = mkdtempSync(join(tmpdir(), 'bayplan-deep-'));
const run = (...args: string[]): { status: number | null; stdout: string } => {
  const { status, stdout } = spawnSync(core, args, { encoding: 'utf8', maxBuffer: 64 << 20, timeout: 60_000 });
  return { status, stdout };
};

beforeAll(() => {
  for (const name of ['layer/d', 'volume']) mkdirSync(join(folder, name), { recursive: true });
  execFileSync('mkdir', ['-p', Array.from({ length: LEVELS }, () => 'a').join('/')], { cwd: join(folder, 'layer/d') });
});
afterAll(() => { execFileSync('rm', ['-rf', folder]); });

it('a deep tree is archived', () => {
  const { status, stdout } = run('archive', 'layer', '--path', '.', '--upper', join(folder, 'layer/d'));
  expect(status).toBe(0);
  expect(execFileSync('tar', ['-tf', '-'], { input: stdout, encoding: 'utf8', maxBuffer: 64 << 20 }).trim().split('\n')).toHaveLength(LEVELS);
});

it('a deep tree is compared with layers', () => {
  const { status, stdout } = run('changes', '--upper', join(folder, 'layer/d'));
  expect([status, stdout.split('\0').filter((entry) => entry !== '').length]).toEqual([0, LEVELS]);
});

it('a deep tree is copied into a new volume', () => {
  expect(run('copy-up', '--layer', join(folder, 'layer'), '--target', '/d', '--dest', join(folder, 'volume'))).toEqual({ status: 0, stdout: '{"version":1,"found":true}\n' });
  expect(execFileSync('sh', ['-c', 'find . -mindepth 1 -type d | wc -l'], { cwd: join(folder, 'volume'), encoding: 'utf8' }).trim()).toBe(String(LEVELS));
});
