import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { membershipDrift } from '../../../src/runtime/container/cgroup-drift.ts';

/** Where this process is, by hierarchy. */
const own = readFileSync('/proc/self/cgroup', 'utf8').split('\n').flatMap((line) => /^\d+:([^:]*):(.*)$/.exec(line)?.slice(1) ?? []);

test('who is in a cgroup, or in one below it, has not moved; nor has one that is gone', () => {
  expect(membershipDrift(process.pid, '')).toEqual([]);
  for (const cgroup of new Set(own.filter((_, index) => index % 2 === 1))) expect(membershipDrift(process.pid, cgroup).filter(({ found }) => found === cgroup)).toEqual([]);
  expect(membershipDrift(2 ** 30, '/nowhere')).toEqual([]);
});

test('a hierarchy in which the container has no cgroup says nothing', () => {
  expect(membershipDrift(process.pid, `/bayplan-test-${process.pid}`)).toEqual([]);
});
