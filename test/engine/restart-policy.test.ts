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
  expect(restartDelay({ policy, maxRetries: 3 }, { ...ended, ...change })).toBe(delay);
});

it('retries on-failure without end where no limit is given', () => {
  expect(restartDelay({ policy: 'on-failure', maxRetries: 0 }, { ...ended, restarts: 1000 })).toBe(100);
});
