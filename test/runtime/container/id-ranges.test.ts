import { expect, test } from 'vitest';
import { type IdPool, takeIds } from '../../../src/runtime/container/id-ranges.ts';
import type { Users } from '../../../src/runtime/container/users.ts';

const pool = (...uids: readonly (readonly [number, number])[]): IdPool => {
  const ranges = uids.map(([start, count]) => ({ start, count }));
  return { uids: ranges, gids: [{ start: 5000, count: 1000 }], size: 100, source: 'a file' };
};
const take = (from: IdPool, count: number): readonly Users[] => {
  const taken: Users[] = [];
  for (let at = 0; at < count; at++) taken.push(takeIds(from, null, taken, `container ${at}`));
  return taken;
};

test('no two containers have the same ids, until there are no more', () => {
  const from = pool([1000, 350], [2000, 100]);
  expect(take(from, 4).map(({ uids }) => uids[0]?.hostId ?? 0).sort()).toEqual([1000, 1100, 1200, 2000]);
  expect(() => take(from, 5)).toThrow('no 100 users are left of a file (450 in all, 4 containers have theirs)');
});

test('ranges of other sizes do not overlap them', () => {
  const from = pool([1000, 1000]);
  const small = takeIds(from, 30, [], 'x');
  const start = small.uids[0]?.hostId ?? 0;
  for (let at = 0; at < 9; at++) {
    const other = takeIds(from, null, [small], `y${at}`).uids[0]?.hostId ?? 0;
    expect(other >= start + 30 || other + 100 <= start).toBe(true);
  }
});

test('who is made anew gets the range that he had, where it is free', () => {
  const from = pool([1000, 1000]);
  const before = takeIds(from, null, [], 'stack/web/1');
  expect(takeIds(from, null, [], 'stack/web/1')).toEqual(before);
  expect(takeIds(from, null, [before], 'stack/web/1')).not.toEqual(before);
});
