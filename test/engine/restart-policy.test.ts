import { expect, it } from 'vitest';
import { restartDelay } from '../../src/engine/restart-policy.ts';

const ended = { exitCode: 1, asked: false, restarts: 0, ranMs: 50, lastDelayMs: 0 };

it.each([
  ['no', {}, null],
  ['on-failure', {}, 100],
  ['on-failure', { exitCode: 0 }, null],
  ['on-failure', { restarts: 3 }, null],
  ['always', { exitCode: 0 }, 100],
  ['always', { asked: true }, null],
  ['unless-stopped', { asked: true }, null],
  ['always', { lastDelayMs: 100 }, 200],
  ['always', { lastDelayMs: 50_000 }, 60_000],
  ['always', { lastDelayMs: 50_000, ranMs: 10_000 }, 100],
] as const)('%s after %j: %s', (policy, change, delay) => {
  expect(restartDelay({ policy, maxRetries: 3, delayMs: null, windowMs: null }, { ...ended, ...change })).toBe(delay);
});

it('retries on-failure without end where no limit is given', () => {
  expect(restartDelay({ policy: 'on-failure', maxRetries: 0, delayMs: null, windowMs: null }, { ...ended, restarts: 1000 })).toBe(100);
});

it('waits as long as its own delay says, each time', () => {
  const policy = { policy: 'always', maxRetries: 0, delayMs: 5000, windowMs: null } as const;
  expect(restartDelay(policy, ended)).toBe(5000);
  expect(restartDelay(policy, { ...ended, lastDelayMs: 5000 })).toBe(5000);
  expect(restartDelay({ ...policy, delayMs: 30 * 86_400_000 }, ended)).toBe(2 ** 31 - 1); // a timer of more would go off at once
});

it('counts retries anew after a run as long as its window', () => {
  const policy = { policy: 'on-failure', maxRetries: 3, delayMs: null, windowMs: 1000 } as const;
  expect(restartDelay(policy, { ...ended, restarts: 3, ranMs: 999 })).toBeNull();
  expect(restartDelay(policy, { ...ended, restarts: 3, ranMs: 1000 })).toBe(100);
});
