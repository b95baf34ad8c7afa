import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Ward } from '../../src/engine/drift-machine.ts';
import { DriftNotes } from '../../src/engine/drift-notes.ts';

let folder = '';
const reports: string[] = [];
const opened = (): DriftNotes => new DriftNotes(join(folder, 'drift.json'), (line) => reports.push(line));
const ward = (changes: Partial<Ward>): Ward => ({ state: 'failed', cause: 'memory.max', at: 5000, heals: 0, others: {}, vain: 0, failures: 0, ...changes });
const of = (...wards: readonly (readonly [string, Ward])[]) => new Map([['shop', new Map(wards)]]);

beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'bayplan-notes-')); reports.length = 0; });
afterEach(() => rmSync(folder, { recursive: true }));

test('the next engine knows what was tried, and not what was merely found or told', () => {
  const tried = ['container shop-web-1', ward({ failures: 4 })] as const;
  opened().write(of(tried, ['container shop-db-1', ward({ state: 'due' })], ['container shop-web-1 told', ward({ state: 'reported', heals: 1 })]));
  expect(opened().read()).toEqual(of(tried));
});

test('what is over is forgotten, also where an engine before has written it down', () => {
  opened().write(of(['container shop-web-1', ward({ failures: 4 })]));
  const notes = opened();
  expect(notes.read().size).toBe(1);
  notes.write(of(['container shop-web-1', ward({ state: 'healed' })])); // the first look of this engine finds it as it should be
  expect(opened().read().size).toBe(0);
  expect(existsSync(join(folder, 'drift.json'))).toBe(false);
});

test('what cannot be read is told, and begins anew', () => {
  writeFileSync(join(folder, 'drift.json'), '{"version":2}');
  expect(opened().read().size).toBe(0);
  expect(reports).toEqual([expect.stringMatching(/drift\.json: .*: what was tried about drift before is not known$/s)]);
});
