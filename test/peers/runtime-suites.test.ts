import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { describeWherePresent } from '../where-present.ts';

// The suites of runc (bats) and crun (Python) against the core's OCI command line. They are checkouts that BAYPLAN_RUNC_SUITE and BAYPLAN_CRUN_SUITE name, made ready as their own
// makefiles do: runc's tests/cmd/_bin and tests/integration/testdata, crun's tests/init. What fails is named in runtime-suites.expected.json with its reason, a whole file or a test of one, and with what the suite's own runtime (runc 1.5, crun 1.28) does of it on the same machine.
const core = process.env.BAYPLAN_TEST_CORE ?? new URL('../../build/bayplan-core', import.meta.url).pathname;
const Reason = z.object({ why: z.string(), where: z.enum(['everywhere', 'machine']), runc: z.string().optional(), crun: z.string().optional(), tests: z.array(z.string()) });
const expected = z.object({ runc: z.array(Reason), crun: z.array(Reason) }).parse(JSON.parse(readFileSync(new URL('runtime-suites.expected.json', import.meta.url), 'utf8')));
const FILE_MS = 600_000;

const SUITES = [
  { name: 'runc', checkout: process.env.BAYPLAN_RUNC_SUITE ?? '', below: 'tests/integration', pattern: /\.bats$/, program: 'bats', options: ['-t'], variable: 'RUNC' },
  { name: 'crun', checkout: process.env.BAYPLAN_CRUN_SUITE ?? '', below: 'tests', pattern: /^test_.*\.py$/, program: 'python3', options: [], variable: 'OCI_RUNTIME' },
] as const;

/** Lines of the Test Anything Protocol: `not ok 3 - title # 0.1s`, skipped ones left out. */
function results(output: string): readonly { readonly title: string; readonly passed: boolean }[] {
  return [...output.matchAll(/^(not )?ok \d+ (?:- )?(.*?)(?: # .*)?$/gm)].filter(([line]) => !/# ?skip/i.test(line)).map(([, not, title = '']) => ({ title: title.trim(), passed: not === undefined }));
}

for (const { name, checkout, below, pattern, program, options, variable } of SUITES) {
  describeWherePresent([checkout === '' ? `BAYPLAN_${name.toUpperCase()}_SUITE names no checkout` : null], `the suite of ${name}`, () => {
    const folder = checkout === '' ? '' : mkdtempSync(join(tmpdir(), `bayplan-${name}-suite-`));
    const files = checkout === '' ? [] : readdirSync(join(checkout, below)).filter((file) => pattern.test(file));
    const reasons = expected[name];
    const known = new Set(reasons.flatMap(({ tests }) => tests));
    const failed = new Set<string>();
    let passed = 0;

    beforeAll(() => {
      writeFileSync(join(folder, 'runtime'), `#!/bin/sh\nexec ${core} "$@"\n`);
      chmodSync(join(folder, 'runtime'), 0o755);
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    test.each(files)('%s fails where that is known alone', async (file) => {
      const env = { ...process.env, [variable]: join(folder, 'runtime'), INIT: join(checkout, 'tests/init'), TMPDIR: folder };
      const output = await new Promise<string>((resolve) => {
        const child = spawn(program, [...options, name === 'runc' ? file : join(below, file)], { cwd: name === 'runc' ? join(checkout, below) : checkout, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: FILE_MS });
        let said = '';
        for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => { said += data.toString(); });
        child.once('close', () => resolve(said));
      });
      const ended = results(output);
      passed += ended.filter((one) => one.passed).length;
      const lost = ended.filter((one) => !one.passed).map(({ title }) => `${file}: ${title}`);
      for (const one of lost) failed.add(known.has(file) ? file : one);
      expect(lost.filter((one) => !known.has(one) && !known.has(file)), output).toEqual([]);
    }, FILE_MS + 10_000);

    test('what is said to fail everywhere does', () => {
      console.log(`${name}: ${passed} tests pass`);
      const always = reasons.filter(({ where }) => where === 'everywhere').flatMap(({ tests }) => tests).filter((one) => existsSync(join(checkout, below, one.split(':')[0] ?? '')));
      expect(always.filter((one) => !failed.has(one)), 'these pass now, so they have no business in runtime-suites.expected.json').toEqual([]);
    });
  });
}
