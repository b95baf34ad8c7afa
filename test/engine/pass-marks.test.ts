import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PassMarks } from '../../src/engine/pass-marks.ts';
import { USUAL_PASS } from '../../src/state/pass-options.ts';

let folder = '';
const reports: string[] = [];
const opened = (): PassMarks => new PassMarks(folder, (line) => reports.push(line));
const mark = (revision: number) => ({ revision, options: USUAL_PASS });

beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'bayplan-marks-')); reports.length = 0; });
afterEach(() => rmSync(folder, { recursive: true }));

test('what an engine has begun and not ended is the next one\'s to go on with, what has ended or was forgotten is not', () => {
  const marks = opened();
  marks.begin('cut', mark(3));
  marks.begin('ended', mark(1))();
  marks.begin('forgotten', mark(1));
  marks.drop('forgotten');
  const over = marks.begin('later', mark(1));
  marks.begin('later', mark(2));
  over(); // of a pass that another one took over
  const found = opened().interrupted();
  expect([...found].map(([stack, { revision, options }]) => [stack, revision, options])).toEqual([['cut', 3, USUAL_PASS], ['later', 2, USUAL_PASS]]);
  expect(reports).toEqual([]);
});

test('a revision that three engines ended with is left as it is, and told; another one begins anew', () => {
  for (let engine = 1; engine <= 3; engine++) {
    const marks = opened();
    if (engine > 1) expect(marks.interrupted().has('web')).toBe(true);
    marks.begin('web', mark(7));
    marks.begin('shop', mark(engine));
  }
  expect([...opened().interrupted().keys()]).toEqual(['shop']);
  expect(reports).toEqual(['stack web: 3 engines have ended while they made revision 7 of it; it is left as it is: run up again']);
  expect(readdirSync(folder)).toEqual(['shop.json']);
});

test('one that cannot be read is told, and nothing is done; one that cannot be written keeps no pass from its work', () => {
  writeFileSync(join(folder, 'web.json'), '{"version":1,"revision":');
  expect(opened().interrupted().size).toBe(0);
  expect(reports).toEqual([expect.stringMatching(/web\.json: .*: what an engine before was doing to stack web is not gone on with: run up again$/)]);
  expect(readdirSync(folder)).toEqual([]);
  reports.length = 0;
  mkdirSync(join(folder, 'shop.json.tmp'));
  opened().begin('shop', mark(1))();
  expect(reports).toEqual([expect.stringMatching(/shop\.json: EISDIR.*the next one does not go on with what is being done to stack shop$/)]);
});
