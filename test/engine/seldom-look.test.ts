import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SeldomLook } from '../../src/engine/seldom-look.ts';

beforeEach(() => { vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }); });
afterEach(() => { vi.useRealTimers(); });

test('all that changes shortly after one another is looked at once, and what takes long seldom, whatever becomes of the clock', () => {
  let looks = 0;
  const guard = new SeldomLook({ failure: '', restMs: { least: 0, most: 400 }, report: () => undefined, look: () => {
    looks++;
    vi.advanceTimersByTime(3);
  } });
  for (let change = 0; change < 10; change++) guard.soon();
  vi.advanceTimersByTime(20);
  expect(looks).toBe(1);
  vi.setSystemTime(Date.now() - 3_600_000); // as where a time server sets it
  guard.soon();
  vi.advanceTimersByTime(290);
  expect(looks).toBe(1);
  vi.advanceTimersByTime(20);
  expect(looks).toBe(2);
});

test('a look that fails is told and keeps none from coming after it; a closed one looks no more', () => {
  const reports: string[] = [];
  const guard = new SeldomLook({ failure: 'others\' packet rules could not be looked at', restMs: { least: 500, most: 900 }, report: (line) => reports.push(line), look: () => { throw new Error('no table'); } });
  for (let change = 0; change < 2; change++) {
    guard.soon();
    vi.advanceTimersByTime(1000);
  }
  expect(reports).toEqual(Array.from({ length: 2 }, () => 'others\' packet rules could not be looked at: no table'));
  guard.soon();
  guard.close();
  guard.soon();
  vi.advanceTimersByTime(1000);
  expect(reports).toHaveLength(2);
});

test('however short a look was, it rests for the least time, and for the most however long it was', () => {
  let takes = 0;
  let looks = 0;
  const look = new SeldomLook({ failure: '', restMs: { least: 500, most: 900 }, report: () => undefined, look: () => {
    looks++;
    vi.advanceTimersByTime(takes);
  } });
  const looksAfter = (ms: number): void => { // and not before
    look.soon();
    const before = looks;
    vi.advanceTimersByTime(ms - 1);
    expect(looks).toBe(before);
    vi.advanceTimersByTime(1);
    expect(looks).toBe(before + 1);
  };
  looksAfter(20);
  takes = 50;
  looksAfter(500);
  looksAfter(900);
});
