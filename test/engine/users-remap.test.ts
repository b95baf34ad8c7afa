import { expect, test } from 'vitest';
import { accountNames, subordinateIds } from '../../src/engine/subordinate-ids.ts';
import { UsersRemap, usersChoice } from '../../src/engine/users-remap.ts';

test('reads subuid(5), by a name or a number', () => {
  const text = '# comment\nalice:100000:65536\nbob:200000:10\n1000:300000:5\nalice:400000:1\nbroken:x:1\nalice:500000:0\n';
  expect(subordinateIds(text, accountNames('root:x:0:0::/:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n', 'alice'))).toEqual([{ start: 100_000, count: 65_536 }, { start: 300_000, count: 5 }, { start: 400_000, count: 1 }]);
  expect(subordinateIds(text, accountNames('', 'nobody'))).toEqual([]);
});

test('takes a range that is given outright, and none where nothing is set', () => {
  expect(usersChoice(undefined).always).toBe(false);
  expect(usersChoice('')).toEqual(usersChoice(undefined));
  expect(usersChoice('default').always).toBe(true);
  expect(usersChoice({ start: 1000, count: 2000, size: 50 })).toEqual({ always: true, pool: { uids: [{ start: 1000, count: 2000 }], gids: [{ start: 1000, count: 2000 }], size: 50, source: 'the ids 1000 to 2999' } });
});

test('refuses what is none, and users without ids', () => {
  expect(UsersRemap.safeParse({ start: 4_294_967_000, count: 1000 }).success).toBe(false);
  expect(UsersRemap.safeParse({ start: 1 }).success).toBe(false);
  expect(() => usersChoice('no-such-user')).toThrow('userns-remap: /etc/subuid gives "no-such-user" no ids; add a line such as no-such-user:100000:6553600');
});
