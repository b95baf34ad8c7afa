import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runArchive } from '../../../src/runtime/container/archive.ts';

let folder = '';
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'bayplan-archive-')); });
afterEach(() => { rmSync(folder, { recursive: true, force: true }); });

function program(script: string): string {
  const path = join(folder, 'core');
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}
const PUT = { verb: 'put', path: '/nosuch', keepKinds: false, owner: '' } as const;

test('a core that ends before it has read the archive leaves its sender whole, who is to get an answer', async () => {
  const core = program('echo \'{"error":"open /nosuch: No such file or directory","errno":2}\' >&2; exit 1');
  const input = Readable.from((function* pieces() { for (let n = 0; n < 64; n++) yield Buffer.alloc(65_536); })(), { objectMode: false });
  const ended = new Promise((resolve, reject) => { input.once('end', resolve).once('close', () => reject(new Error('it was destroyed'))); });
  await expect(runArchive(core, [], PUT, { input, signal: new AbortController().signal })).rejects.toMatchObject({ code: 'not-found', message: 'open /nosuch: No such file or directory' });
  await ended;
});

test('what a core says that is no report of an error is told as it is', async () => {
  const core = program('cat >/dev/null; echo out of luck >&2; exit 1');
  await expect(runArchive(core, [], PUT, { input: Readable.from([Buffer.from('x')], { objectMode: false }), signal: new AbortController().signal })).rejects.toMatchObject({ code: 'archive-failed', message: 'out of luck' });
});
