import { expect, test } from 'vitest';
import { timeOption } from '../../src/cli/time-option.ts';

test('durations count back from now, dates are local without a zone, and seconds stay as they are', () => {
  const ago = (text: string): number => Math.round(Date.now() / 1000 - Number(timeOption(text)));
  expect([ago('10m'), ago('1h30m'), ago('1.5s500ms'), ago('.5h')]).toEqual([600, 5400, 2, 1800]);
  for (const time of ['', '0', '1700000000', '1700000000.123456789']) expect(timeOption(time)).toBe(time);
  const local = (...parts: readonly [number, number, number, number?, number?]): number => new Date(parts[0], parts[1] - 1, parts[2], parts[3] ?? 0, parts[4] ?? 0).getTime() / 1000;
  expect(['2024-01-31', '2024-01-31T15', '2024-01-31T15:04'].map((time) => Number(timeOption(time)))).toEqual([local(2024, 1, 31), local(2024, 1, 31, 15), local(2024, 1, 31, 15, 4)]);
  expect(['2024-01-31T15:04:05.5Z', '2024-01-31T15:04:05+02:00', '2024-01-31Z'].map((time) => timeOption(time))).toEqual(['1706713445.500', '1706706245.000', '1706659200.000']);
});

test.each(['bogus', 'x', '5 minutes', '10mm', '-5m', '2024-13-01', '2024-1-1', 'yesterday 1'])('%j is no time', (time) => {
  expect(() => timeOption(time)).toThrow(`expected a date such as 2024-01-31T15:04:05Z, seconds since the epoch, or as long ago as 10m or 1h30m, got ${JSON.stringify(time)}`);
});
