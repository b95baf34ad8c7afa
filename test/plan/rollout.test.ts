import { describe, expect, it } from 'vitest';
import { rolloutOf, type Rollout, type SlotState } from '../../src/plan/rollout.ts';
import type { UpdatePolicy } from '../../src/state/update-policy.ts';

const LETTERS: Readonly<Record<string, SlotState>> = { c: 'current', u: 'unready', r: 'rolling', o: 'outdated', b: 'broken', f: 'failed' };
const slots = (text: string): SlotState[] => [...text].flatMap((letter) => LETTERS[letter] ?? []);
const shown = (rollout: Rollout): string => (rollout.phase === 'done' ? 'done' : rollout.phase === 'going' ? rollout.batches.map((batch) => batch.join('+')).join(' ') : `${rollout.phase} ${rollout.failed.join('+')}`);

/** Places as letters, places at a time, failed ones borne, what to do about more → batches of places, or how it ends. */
const TABLE: readonly (readonly [places: string, parallelism: number, ratio: number, action: UpdatePolicy['failureAction'], outcome: string])[] = [
  ['ccc', 1, 0, 'pause', 'done'],
  ['ooo', 1, 0, 'pause', '0 1 2'],
  ['ooo', 2, 0, 'pause', '0+1 2'],
  ['ooo', 0, 0, 'pause', '0+1+2'],
  ['coo', 1, 0, 'pause', '1 2'],
  // What another pass has begun is finished first, what does not serve is replaced next, what serves comes last.
  ['oro', 1, 0, 'pause', '1 0 2'],
  ['oou', 1, 0, 'pause', '2 0 1'],
  ['obr', 1, 0, 'pause', '2 1 0'],
  ['ccr', 1, 0, 'pause', '2'],
  ['uoo', 2, 0, 'pause', '0+1 2'],
  // A new one that is not ready and nothing else to replace: its own affair.
  ['ccu', 1, 0, 'pause', 'done'],
  ['foo', 1, 0, 'pause', 'halted 0'],
  ['fcc', 1, 0, 'pause', 'halted 0'],
  ['foo', 1, 0, 'rollback', 'rollback 0'],
  ['cfc', 1, 0, 'rollback', 'rollback 1'],
  ['foo', 1, 0, 'continue', '1 2'],
  ['fcf', 1, 0, 'continue', 'over 0+2'],
  ['fooo', 1, 0.25, 'pause', '1 2 3'],
  ['ffoo', 1, 0.25, 'pause', 'halted 0+1'],
  ['fccc', 1, 0.25, 'pause', 'done'],
  ['fccc', 1, 0.24, 'rollback', 'rollback 0'],
  ['ffff', 1, 1, 'pause', 'done'],
];

describe('a rolling update', () => {
  it.each(TABLE)('%s, %i at a time, bearing %f, then %s: %s', (places, parallelism, maxFailureRatio, failureAction, outcome) => {
    expect(shown(rolloutOf(slots(places), { parallelism, failureAction, maxFailureRatio }))).toBe(outcome);
  });
});
