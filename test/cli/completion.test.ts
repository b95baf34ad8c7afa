import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Console } from './console.ts';

let cli: Console;
beforeEach(async () => { cli = await new Console().open(); });
afterEach(() => cli.close());

describe('bash', () => {
  /** What bash offers after these words. */
  async function offered(...words: readonly string[]): Promise<readonly string[]> {
    await cli.run('completion', 'bash');
    const script = `${cli.out}\nbayplan() { printf 'db\\nweb\\n'; }\nCOMP_WORDS=(bayplan "$@"); COMP_CWORD=$#; _bayplan; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8' }).trim().split('\n');
  }
  test('commands, options, commands below, and services', async () => {
    expect(await offered('re')).toEqual(['restart']);
    expect(await offered('-p', 'x', 'restart', '--no')).toEqual(['--no-deps']);
    expect(await offered('volume', 'in')).toEqual(['inspect']);
    expect(await offered('logs', '')).toEqual(['db', 'web']);
    expect(await offered('up', '--exit')).toEqual(['--exit-code-from']);
  });
});

describe.each(['zsh', 'fish'])('%s', (shell) => {
  test('has every command, and is what the shell can read', async () => {
    expect(await cli.run('completion', shell)).toBe(0);
    for (const word of ['restart', 'exit-code-from', 'bayplan ps --all --services']) expect(cli.out).toContain(word);
    if (spawnSync(shell, ['--version']).status !== 0) return; // the shell is not on this machine
    const folder = mkdtempSync(join(tmpdir(), 'bayplan-completion-'));
    try {
      writeFileSync(join(folder, 'script'), cli.out);
      execFileSync(shell, ['-n', join(folder, 'script')]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test('another shell is refused', async () => {
  expect(await cli.run('completion', 'csh')).toBe(1);
  expect(cli.err).toContain('Expected bash, zsh or fish');
});
