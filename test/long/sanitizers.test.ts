import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { top } from '../root/harness.ts';

// The root tests of the core once more, with a core that gcc has built under its sanitizers. What they find ends in a file; leaks are none of their business: an arena
// and the process's end free all.
const FILES = ['core', 'core-attach', 'core-limits', 'core-shim', 'oci', 'unpack', 'unpack-hostile', 'port-carrier'];

describe('the core under -fsanitize=address,undefined', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bayplan-sanitizers-'));
  beforeAll(() => {
    execFileSync('make', ['-s', '-C', join(top, 'native'), `BUILD=${folder}`, 'STATIC=', 'CFLAGS=-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined', join(folder, 'bayplan-core')], { stdio: 'inherit' });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(FILES)('passes %s.test.ts', (name) => {
    const log = join(folder, name);
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(top, 'node_modules/vitest/vitest.mjs'), 'run', '--config', join(top, 'test/vitest.config.ts'), '--project', 'root', `test/root/${name}.test.ts`], {
      cwd: top, encoding: 'utf8', timeout: 600_000,
      env: { ...process.env, BAYPLAN_TEST_CORE: join(folder, 'bayplan-core'), ASAN_OPTIONS: `detect_leaks=0:log_path=${log}`, UBSAN_OPTIONS: `print_stacktrace=1:log_path=${log}` },
    });
    const found = readdirSync(folder).filter((file) => file.startsWith(`${name}.`)).map((file) => readFileSync(join(folder, file), 'utf8'));
    expect(found).toEqual([]);
    expect(status, stdout + stderr).toBe(0);
  });
});
