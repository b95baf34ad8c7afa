import { expect, test } from 'vitest';
import { timeOption } from '../../src/cli/time-option.ts';

test('durations count back from now, and times stay as they are', () => {
  const ago = (text: string): number => Math.round(Date.now() / 1000 - Number(timeOption(text)));
  expect([ago('10m'), ago('1h30m'), ago('1.5s500ms')]).toEqual([600, 5400, 2]);
  for (const time of ['', '0', '1700000000', '1700000000.123456789', '2024-01-31', '2024-01-31T15:04', '2024-01-31T15:04:05.5Z', '2024-01-31T15:04:05+02:00']) expect(timeOption(time)).toBe(time);
});

test.each(['bogus', 'x', '5 minutes', '10mm', '-5m', '2024-13-01', '2024-1-1', 'yesterday 1'])('%j is no time', (time) => {
  expect(() => timeOption(time)).toThrow(`expected a date such as 2024-01-31T15:04:05Z, seconds since the epoch, or as long ago as 10m or 1h30m, got ${JSON.stringify(time)}`);
});
