import { expect, test } from 'vitest';
import { parseSince, timeOf } from '../../src/api/docker-time.ts';

test.each([[null, null], ['', null], ['0', null], ['-62135596800', null], ['5', 5_000_000_000n], ['5.000000001', 5_000_000_001n], ['1970-01-01T00:00:01Z', 1_000_000_000n]])('since %j', (text, expected) => {
  expect(parseSince(text)).toBe(expected);
});

test('what is no time is refused, not taken for all times', () => {
  for (const text of ['nope', '..', '\0', '5m']) expect(() => parseSince(text), text).toThrow(expect.objectContaining({ code: 'bad-request', message: expect.stringContaining('is no time: expected one such as') }));
});

test('a time or a duration before now', () => {
  expect([timeOf('10s', 60_000), timeOf('5', 60_000), timeOf('0', 60_000)]).toEqual([50_000, 5_000, 60_000]);
  expect(() => timeOf('nope', 0)).toThrow('expected a duration such as 24h');
});
