import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { program } from './harness.ts';

let folder = '';
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'bayplan-env-file-')); });
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** As a command of its own, by its first line. */
async function config(envFile: string): Promise<string> {
  const { stdout } = await promisify(execFile)(program, ['config', '--env-file', envFile], { cwd: folder });
  return stdout;
}

test('--env-file is the program\'s own option, not Node\'s', async () => {
  writeFileSync(join(folder, 'compose.yaml'), 'services:\n  a:\n    image: x:${TAG}\n');
  writeFileSync(join(folder, 'vars'), 'TAG=seven\nNODE_OPTIONS=--no-such-option\n');
  expect(await config('vars')).toContain('image: x:seven');
  await expect(config('nonexist')).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(/nonexist: the env file does not exist/) });
});
