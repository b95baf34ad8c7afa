import { describe, expect, it } from 'vitest';
import { afterJobEvent, IDLE, type JobAction, type JobEvent, type JobState, MOST_WAITING } from '../../src/engine/job-machine.ts';
import { dueSlot, nextSlot, scheduleProblem } from '../../src/engine/job-times.ts';

const running: JobState = { ...IDLE, phase: 'running', slot: 1, attempt: 1 };
const stopping: JobState = { ...running, phase: 'stopping', waiting: [2] };
const retrying: JobState = { ...running, phase: 'retrying', retryAt: 1500 };
const due: JobEvent = { type: 'due', slot: 3 };
const well: JobEvent = { type: 'ended', ok: true, at: 500 };
const badly: JobEvent = { type: 'ended', ok: false, at: 500 };
const retry: JobEvent = { type: 'retry' };
const held: JobEvent = { type: 'held' };
const begun = (slot: number | null, waiting: (number | null)[] = [], attempt = 1): JobState => ({ ...running, slot, attempt, waiting });

describe('the table of a service with a schedule', () => {
  it.each<[string, JobState, JobEvent, 'skip' | 'queue' | 'replace', number, JobState, JobAction]>([
    ['idle, due', IDLE, due, 'skip', 0, begun(3), 'start'],
    ['idle, asked for', IDLE, { type: 'due', slot: null }, 'queue', 0, begun(null), 'start'],
    ['idle, ended', IDLE, well, 'skip', 0, IDLE, null],
    ['idle, retry', IDLE, retry, 'skip', 1, IDLE, null],
    ['running, due, skip', running, due, 'skip', 0, running, 'skip'],
    ['running, due, queue', running, due, 'queue', 0, begun(1, [3]), null],
    ['running, due, replace', running, due, 'replace', 0, { ...running, phase: 'stopping', waiting: [3] }, 'stop'],
    ['running, ended well', running, well, 'skip', 1, IDLE, null],
    ['running, ended well, one waits', begun(1, [2, 3]), well, 'queue', 0, begun(2, [3]), 'start'],
    ['running, ended badly', running, badly, 'skip', 0, IDLE, null],
    ['running, ended badly, one waits', begun(1, [2]), badly, 'queue', 0, begun(2), 'start'],
    ['running, ended badly, retries', running, badly, 'skip', 2, retrying, null],
    ['second attempt, ended badly', begun(1, [], 2), badly, 'skip', 2, { ...retrying, attempt: 2, retryAt: 2500 }, null],
    ['last attempt, ended badly', begun(1, [], 3), badly, 'skip', 2, IDLE, null],
    ['running, retry', running, retry, 'skip', 2, running, null],
    ['stopping, due, skip', stopping, due, 'skip', 0, stopping, 'skip'],
    ['stopping, due, queue', stopping, due, 'queue', 0, { ...stopping, waiting: [2, 3] }, null],
    ['stopping, due, replace', stopping, due, 'replace', 0, { ...stopping, waiting: [3] }, null],
    ['stopping, ended well', stopping, well, 'replace', 1, begun(2), 'start'],
    ['stopping, ended badly', stopping, badly, 'replace', 1, begun(2), 'start'],
    ['retrying, due, skip', retrying, due, 'skip', 1, retrying, 'skip'],
    ['retrying, due, queue', retrying, due, 'queue', 1, { ...retrying, waiting: [3] }, null],
    ['retrying, due, replace', retrying, due, 'replace', 1, begun(3), 'start'],
    ['retrying, ended', retrying, well, 'skip', 1, retrying, null],
    ['idle, held', IDLE, held, 'skip', 0, IDLE, null],
    ['running, held', begun(1, [2]), held, 'queue', 2, { ...running, phase: 'stopping' }, 'stop'],
    ['stopping, held', stopping, held, 'replace', 0, { ...stopping, waiting: [] }, null],
    ['retrying, held', { ...retrying, waiting: [2] }, held, 'queue', 1, IDLE, null],
    ['retrying, retry', { ...retrying, waiting: [2] }, retry, 'queue', 1, begun(1, [2], 2), 'start'],
  ])('%s', (_name, state, event, overlap, retries, to, action) => {
    expect(afterJobEvent(state, event, { overlap, retries })).toEqual({ state: to, action });
  });

  it('bounds the slots that wait', () => {
    const full = begun(1, Array.from({ length: MOST_WAITING }, (_, at) => at));
    expect(afterJobEvent(full, due, { overlap: 'queue', retries: 0 })).toEqual({ state: full, action: 'skip' });
  });

  it('retries after a second, then twice as long each time, a minute at the most', () => {
    const after = (attempt: number): number => afterJobEvent(begun(1, [], attempt), { type: 'ended', ok: false, at: 0 }, { overlap: 'skip', retries: 99 }).state.retryAt;
    expect([1, 2, 3, 6, 7, 50].map(after)).toEqual([1000, 2000, 4000, 32_000, 60_000, 60_000]);
  });
});

describe('slots', () => {
  const at = (text: string): number => Date.parse(text);
  const berlin = { schedule: '30 2 * * *', timezone: 'Europe/Berlin' };
  const nightly = (after: string): string => new Date(nextSlot(berlin, at(after)) ?? 0).toISOString();

  it('come once where the clock is set: at the end of the hour that is left out, in the first of the two that are the same', () => {
    expect([nightly('2026-03-28T12:00Z'), nightly('2026-03-29T01:00Z')]).toEqual(['2026-03-29T01:00:00.000Z', '2026-03-30T00:30:00.000Z']);
    expect([nightly('2026-10-24T12:00Z'), nightly('2026-10-25T00:30Z')]).toEqual(['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z']);
  });

  it('that were missed are one, the last', () => {
    const every = { schedule: '*/5 * * * * *', timezone: 'UTC' };
    expect(dueSlot(every, at('2026-01-01T00:00:00Z'), at('2026-01-01T00:00:04.999Z'))).toBe(null);
    expect(dueSlot(every, at('2026-01-01T00:00:00Z'), at('2026-01-01T00:00:05Z'))).toBe(at('2026-01-01T00:00:05Z'));
    expect(dueSlot(every, at('2026-01-01T00:00:00Z'), at('2026-01-03T10:00:07Z'))).toBe(at('2026-01-03T10:00:05Z'));
    expect(dueSlot(every, at('2026-01-03T10:00:05Z'), at('2026-01-03T10:00:07Z'))).toBe(null);
  });
});

it.each([['nonsense', '', 'schedule "nonsense"'], ['* * * * *', 'Mars/Base', 'in timezone "Mars/Base"']])('a schedule that cannot be kept (%s, %s) has a reason, and no slots', (schedule, timezone, reason) => {
  expect(scheduleProblem({ schedule, timezone })).toContain(reason);
  expect([nextSlot({ schedule, timezone }, 0), dueSlot({ schedule, timezone }, 0, 1e12)]).toEqual([null, null]);
  expect(scheduleProblem({ schedule: '* * * * *', timezone: 'Europe/Berlin' })).toBe(null);
});
