import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mountVolume } from '../../../src/runtime/volume/core-mount.ts';

test('options are told to the core by its input, where nobody else reads a password', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bayplan-core-mount-'));
  try {
    const core = join(folder, 'core');
    writeFileSync(core, `#!/bin/sh\necho "$@" > ${folder}/arguments\ncat > ${folder}/input\n`, { mode: 0o755 });
    await mountVolume(core, 'share', { type: 'cifs', source: '//10.0.0.7/share', attempts: [['username=me', 'password=geheim']], server: '10.0.0.7' }, '/mnt');
    expect(readFileSync(join(folder, 'arguments'), 'utf8')).toBe('mount --type cifs --source //10.0.0.7/share --target /mnt --options -\n');
    expect(readFileSync(join(folder, 'input'), 'utf8')).toBe('username=me,password=geheim,addr=10.0.0.7');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
