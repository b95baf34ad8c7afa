import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FailedLooks } from '../../src/engine/failed-looks.ts';

beforeEach(() => { vi.useFakeTimers(); });
afterEach(() => { vi.useRealTimers(); });

test('a look that fails is told once for each cause, made again later and later, and forgotten once one succeeds', async () => {
  const told: string[] = [];
  const looks = new FailedLooks((line) => told.push(line));
  const began = Date.now();
  const made: number[] = [];
  let cause: string | null = 'EIO';
  const look = async (): Promise<void> => await looks.attempt('container a', () => {
    made.push((Date.now() - began) / 1000);
    if (cause !== null) throw new Error(cause);
  }, () => void look());
  await look();
  await looks.attempt('container b', () => undefined, () => undefined);
  await vi.advanceTimersByTimeAsync(190_000);
  expect(made).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183]);
  expect(told).toEqual(['container a could not be looked at, and may have drifted: EIO']);
  expect([looks.causes(['container b', 'container a']), looks.causes(['container b'])]).toEqual([told, []]);
  cause = 'ENOENT';
  await vi.advanceTimersByTimeAsync(60_000);
  expect(told.slice(1)).toEqual(['container a could not be looked at, and may have drifted: ENOENT']);
  cause = null;
  await vi.advanceTimersByTimeAsync(600_000);
  expect([looks.causes(['container a']), made.length]).toEqual([[], 11]);
  looks.close();
});

test('a look that was under way when all was let go of says nothing, and is not made again', async () => {
  const told: string[] = [];
  const looks = new FailedLooks((line) => told.push(line));
  let fail = (_error: Error): void => undefined;
  let again = 0;
  const look = looks.attempt('container a', () => new Promise((_resolve, reject) => { fail = reject; }), () => { again++; });
  looks.close();
  fail(new Error('ENOENT'));
  await look;
  await vi.advanceTimersByTimeAsync(60_000);
  expect([told, again]).toEqual([[], 0]);
});
