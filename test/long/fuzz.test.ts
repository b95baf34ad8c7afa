import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { top } from '../root/harness.ts';
import { describeWherePresent } from '../where-present.ts';

// Each C parser of bytes that others wrote, fuzzed for a moment from the small corpus in test/fuzz; BAYPLAN_FUZZ_SECONDS of processor time for longer.
const PARSERS = readdirSync(join(top, 'test/fuzz/corpus'));
const seconds = Number(process.env.BAYPLAN_FUZZ_SECONDS ?? '15');
const clang = spawnSync('sh', ['-c', 'echo "int LLVMFuzzerTestOneInput(void) { return 0; }" | clang -fsanitize=fuzzer,address -x c - -o /dev/null'], { stdio: 'ignore' }).status === 0;

describeWherePresent([clang ? null : 'no clang with libFuzzer: clang, libclang-rt-14-dev'], 'the C parsers under libFuzzer and sanitizers', () => {
  const folder = clang ? mkdtempSync(join(tmpdir(), 'bayplan-fuzz-')) : '';
  beforeAll(() => {
    execFileSync('make', ['-s', '-j2', '-C', join(top, 'test/fuzz'), `BUILD=${folder}`], { stdio: 'inherit' });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(PARSERS)('%s', async (name) => {
    const child = spawn(join(top, 'test/fuzz/fuzz.sh'), ['--build', folder, '--cpu-seconds', String(seconds), name], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    let failed = '';
    child.stdout.on('data', (data: Buffer) => { said = data.toString().trim().split('\n').at(-1) ?? ''; });
    child.stderr.on('data', (data: Buffer) => { failed = (failed + data.toString()).slice(-8000); });
    expect(await new Promise((resolve) => child.once('close', resolve)), failed).toBe(0);
    console.log(said);
    const [, spent = '0', runs = '0'] = /^\w+: ([\d.]+) CPU seconds, (\d+) runs$/.exec(said) ?? [];
    expect(Number(spent)).toBeGreaterThanOrEqual(seconds);
    expect(Number(runs)).toBeGreaterThan(100);
  });
});
