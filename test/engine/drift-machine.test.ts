import { describe, expect, it } from 'vitest';
import { afterHeal, afterLook, dueAt, type Finding, slows, type Ward } from '../../src/engine/drift-machine.ts';

const ward = (state: Ward['state'], change: Partial<Ward> = {}): Ward => ({ state, cause: 'limit', at: 1000, heals: 1, others: {}, vain: 0, failures: 0, ...change });
const NOW = 2000;
const same: Finding = { cause: 'limit', policy: 'heal' };
const another: Finding = { cause: 'link', policy: 'heal' };
const told: Finding = { cause: 'limit', policy: 'report' };

/** State, then what it is in how many ms, in a word. */
function word(after: Ward | null): string {
  return after === null ? 'null' : `${after.state}${dueAt(after) === null ? '' : ` in ${after.at - NOW}`}`;
}

describe('what a look makes of what is under care', () => {
  it.each<[string, Ward | null, string, string, string, string]>([
    // state, ward, nothing found, to be told, the same, another
    ['null', null, 'null', 'reported', 'due in 0', 'due in 0'],
    ['due, never healed', ward('due', { heals: 0 }), 'null', 'reported', 'due in -1000', 'due in -1000'],
    ['due, never healed of that, but of another', ward('due', { heals: 0, others: { link: 4 } }), 'healed', 'reported', 'due in -1000', 'due in -1000'],
    ['healed, and of another often', ward('healed', { others: { link: 4 } }), 'healed', 'reported', 'due in 0', 'due in 2000'],
    ['due again', ward('due'), 'healed', 'reported', 'due in -1000', 'due in -1000'],
    ['tried', ward('tried'), 'healed', 'reported', 'due in 1000', 'due in 0'],
    ['tried in vain', ward('tried', { vain: 1 }), 'healed', 'reported', 'given-up', 'due in 0'],
    ['healed', ward('healed'), 'healed', 'reported', 'due in 0', 'due in 0'],
    ['healed often', ward('healed', { heals: 4 }), 'healed', 'reported', 'due in 2000', 'due in 0'],
    ['healed very often', ward('healed', { heals: 40 }), 'healed', 'reported', 'due in 60000', 'due in 0'],
    ['healed long ago', ward('healed', { at: NOW - 60_000 }), 'null', 'reported', 'due in 0', 'due in 0'],
    ['given up', ward('given-up'), 'null', 'reported', 'given-up', 'due in 0'],
    ['failed', ward('failed', { heals: 0, failures: 3, at: NOW + 500 }), 'healed', 'reported', 'failed in 500', 'due in 0'],
    ['reported', ward('reported'), 'null', 'reported', 'due in 0', 'due in 0'],
  ])('%s', (_name, before, nothing, report, again, other) => {
    expect([null, told, same, another].map((finding) => word(afterLook(before, finding, NOW)))).toEqual([nothing, report, again, other]);
  });

  it('is an error, not a loop, where the same is found twice in a row after it was put right', () => {
    let now = 0;
    let one = afterLook(null, same, now);
    const states: string[] = [];
    while (one !== null && one.state === 'due' && states.length < 10) {
      now = Math.max(now, one.at);
      one = afterLook(afterHeal(one, true, now), same, now);
      states.push(one?.state ?? 'null');
    }
    expect(states).toEqual(['due', 'given-up']);
  });

  it('comes to rest less and less often where it is healed and drifts again, and is new after a quiet minute', () => {
    let now = 0;
    const pauses: number[] = [];
    let one: Ward | null = null;
    for (let round = 0; round < 12; round++) {
      one = afterLook(one, same, now);
      if (one === null) throw new Error('nothing is due');
      pauses.push(one.at - now);
      now = one.at;
      one = afterLook(afterHeal(one, true, now), null, now);
    }
    expect(pauses).toEqual([0, 0, 0, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000]);
    expect(afterLook(one, null, now + 60_000)).toBe(null);
  });

  it('says once of each cause that it comes to rest, and is not kept awake by two that take turns', () => {
    let now = 0;
    const pauses: number[] = [];
    const told: string[] = [];
    let one: Ward | null = null;
    for (let round = 0; round < 16; round++) {
      const before: Ward | null = one;
      one = afterLook(before, round % 2 === 0 ? same : another, now);
      if (one === null) throw new Error('nothing is due');
      if (slows(before, one)) told.push(one.cause);
      pauses.push(one.at - now);
      now = one.at;
      one = afterLook(afterHeal(one, true, now), null, now);
    }
    expect(pauses).toEqual([0, 0, 0, 0, 0, 0, 1000, 1000, 2000, 2000, 4000, 4000, 8000, 8000, 16000, 16000]);
    expect(told).toEqual(['limit', 'link']);
  });

  it('tries again later and later what could not be done, an hour at the most, and at once where something else has changed', () => {
    let now = 0;
    let one = afterLook(null, same, now);
    const pauses: number[] = [];
    for (let round = 0; round < 14 && one !== null; round++) {
      one = afterHeal(one, false, now);
      pauses.push((one.at - now) / 1000);
      expect(afterLook(one, same, now)).toBe(one); // looking again changes nothing
      now = one.at;
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600]);
    expect(word(afterLook(one, another, NOW))).toBe('due in 0');
    expect(afterHeal(ward('failed', { cause: 'process', failures: 11 }), false, NOW).at - NOW).toBe(60_000); // it does not run meanwhile
    expect(one === null ? null : afterHeal(one, true, now)).toMatchObject({ state: 'tried', heals: 1, failures: 0 });
  });

  it('tells of another drift than the one it told of', () => {
    const first = afterLook(null, told, 1);
    expect(afterLook(first, told, 2)).toBe(first);
    expect(afterLook(first, { ...told, cause: 'link' }, 2)).toMatchObject({ state: 'reported', cause: 'link', at: 2 });
  });
});
