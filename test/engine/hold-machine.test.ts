import { expect, it } from 'vitest';
import { HOLDS, type Hold } from '../../src/engine/hold-machine.ts';
import { restartDelay } from '../../src/engine/restart-policy.ts';

const NOTHING: Hold = { held: false, interrupted: false };
const HELD: Hold = { held: true, interrupted: false };
const INTERRUPTED: Hold = { held: false, interrupted: true };

/** Event → what becomes of one that nothing is wanted of, of one that is held, of one that is to be started again. */
const TABLE: Readonly<Record<keyof typeof HOLDS, readonly [Hold, Hold, Hold]>> = {
  'start': [NOTHING, NOTHING, INTERRUPTED], // until it runs
  'start-later': [INTERRUPTED, INTERRUPTED, INTERRUPTED],
  'started': [NOTHING, HELD, NOTHING],
  'start-failed': [INTERRUPTED, { held: true, interrupted: true }, INTERRUPTED],
  'stop': [HELD, HELD, HELD],
  'stop-again': [INTERRUPTED, INTERRUPTED, INTERRUPTED],
  'end-signal': [HELD, HELD, { held: true, interrupted: true }],
};

const EVENTS = ['start', 'start-later', 'started', 'start-failed', 'stop', 'stop-again', 'end-signal'] as const satisfies readonly (keyof typeof HOLDS)[];

it.each(EVENTS)('after %s', (event) => {
  expect([NOTHING, HELD, INTERRUPTED].map((hold) => ({ ...hold, ...HOLDS[event] }))).toEqual(TABLE[event]);
});

it('knows no event that the table does not', () => {
  expect([...EVENTS].sort()).toEqual(Object.keys(HOLDS).sort());
});

it.each(['no', 'on-failure', 'always', 'unless-stopped'] as const)('one that is held is not started again by the policy %s', (policy) => {
  expect(restartDelay({ policy, maxRetries: 0, delayMs: null, windowMs: null }, { exitCode: 1, asked: true, restarts: 0, ranMs: 0, lastDelayMs: 0 })).toBeNull();
});
