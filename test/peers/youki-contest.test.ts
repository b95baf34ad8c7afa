import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { describeWherePresent } from '../where-present.ts';

// youki's contest against the core's OCI command line. BAYPLAN_CONTEST names a folder with the suite's programs `contest` and `runtimetest` and its bundle.tar.gz. What fails is named in
// youki-contest.expected.json with its reason and what runc 1.1.5 does of it on the same machine; groups whose run ends with one failure are named whole.
const suite = process.env.BAYPLAN_CONTEST ?? '';
const core = process.env.BAYPLAN_TEST_CORE ?? new URL('../../build/bayplan-core', import.meta.url).pathname;
const Reason = z.object({ why: z.string(), where: z.enum(['everywhere', 'machine']), runc: z.string().optional(), tests: z.array(z.string()) });
const expected = z.array(Reason).parse(JSON.parse(readFileSync(new URL('youki-contest.expected.json', import.meta.url), 'utf8')));
const GROUP_MS = 120_000;

describeWherePresent([suite === '' ? 'BAYPLAN_CONTEST names no folder' : null], 'youki\'s contest', () => {
  const groups = suite === '' ? [] : execFileSync(join(suite, 'contest'), ['list'], { cwd: suite, encoding: 'utf8' }).split('\n').map((line) => line.trim()).filter((line) => line !== '');
  const known = new Set(expected.flatMap(({ tests }) => tests));
  const failed = new Set<string>();
  let passed = 0;

  test.each(groups)('%s fails where that is known alone', async (group) => {
    const output = await new Promise<string>((resolve) => {
      const child = spawn(join(suite, 'contest'), ['run', '--runtime', core, '--runtimetest', join(suite, 'runtimetest'), '-t', group], { cwd: suite, stdio: ['ignore', 'pipe', 'pipe'], timeout: GROUP_MS });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => { said += data.toString(); });
      child.once('close', () => resolve(said));
    });
    const ended = [...output.matchAll(/^\d+ \/ \d+ : (.*) : (ok|not ok|skipped)$/gm)].map(([, title = '', how = '']) => ({ name: `${group}: ${title}`, how }));
    passed += ended.filter(({ how }) => how === 'ok').length;
    const lost = ended.filter(({ how }) => how === 'not ok').map(({ name }) => name);
    if (!output.includes(`# End group ${group}`)) lost.push(group); // it has ended the whole run
    for (const one of lost) failed.add(one);
    expect(lost.filter((one) => !known.has(one) && !known.has(group)), output).toEqual([]);
  }, GROUP_MS + 10_000);

  test('what is said to fail everywhere does', () => {
    console.log(`${passed} tests of the contest pass`);
    const always = expected.filter(({ where }) => where === 'everywhere').flatMap(({ tests }) => tests);
    expect(always.filter((one) => !failed.has(one)), 'these pass now, so they have no business in youki-contest.expected.json').toEqual([]);
  });
});
