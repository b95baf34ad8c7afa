import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RulesGuard } from '../../src/engine/rules-guard.ts';

beforeEach(() => { vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }); });
afterEach(() => { vi.useRealTimers(); });

test('all that changes shortly after one another is looked at once, and what takes long seldom, whatever becomes of the clock', () => {
  let looks = 0;
  const guard = new RulesGuard(() => {
    looks++;
    vi.advanceTimersByTime(3);
  }, () => undefined);
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
  const guard = new RulesGuard(() => { throw new Error('no table'); }, (line) => reports.push(line));
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
