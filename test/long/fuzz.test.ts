import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { top } from '../root/harness.ts';
import { describeWherePresent } from '../where-present.ts';

// Each C parser of bytes that others wrote, fuzzed for a moment from the small corpus in test/fuzz; BAYPLAN_FUZZ_SECONDS for longer.
const PARSERS = ['config', 'dns', 'zone', 'tar', 'passwd'];
const seconds = Number(process.env.BAYPLAN_FUZZ_SECONDS ?? '20');
const clang = spawnSync('sh', ['-c', 'echo "int LLVMFuzzerTestOneInput(void) { return 0; }" | clang -fsanitize=fuzzer,address -x c - -o /dev/null'], { stdio: 'ignore' }).status === 0;

describeWherePresent([clang ? null : 'no clang with libFuzzer: clang, libclang-rt-14-dev'], 'the C parsers under libFuzzer and sanitizers', () => {
  const folder = clang ? mkdtempSync(join(tmpdir(), 'bayplan-fuzz-')) : '';
  beforeAll(() => {
    execFileSync('make', ['-s', '-j2', '-C', join(top, 'test/fuzz'), `BUILD=${folder}`], { stdio: 'inherit' });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(PARSERS)('%s', async (name) => {
    const corpus = join(folder, `${name}-corpus`);
    cpSync(join(top, 'test/fuzz/corpus', name), corpus, { recursive: true });
    const child = spawn(join(folder, name), [`-max_total_time=${seconds}`, '-timeout=20', '-max_len=20000', '-rss_limit_mb=4096', `-artifact_prefix=${join(folder, name)}-`, corpus], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (data: Buffer) => { said = (said + data.toString()).slice(-8000); });
    expect(await new Promise((resolve) => child.once('close', resolve)), said).toBe(0);
    expect(said).toMatch(/Done \d+ runs/);
  });
});
