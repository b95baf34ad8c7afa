import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IDLE, type JobState } from '../../src/engine/job-machine.ts';
import { currentNotes, type JobNotes, notesOfGone, takenSince } from '../../src/engine/job-record.ts';
import { desiredRun } from '../../src/engine/job-run.ts';
import { JobStore } from '../../src/engine/job-store.ts';
import type { Job } from '../../src/state/job.ts';
import { nothingDesired } from '../../src/state/state.ts';

const job: Job = { schedule: '0 3 * * *', timezone: 'UTC', overlap: 'skip', retries: 0, timeoutMs: 0, history: 5 };
const HOUR = 3_600_000;
const notes: JobNotes = { state: IDLE, slot: 10 * HOUR, since: null, schedule: job.schedule, timezone: job.timezone, held: false, last: 0, begun: 0, runs: [] };

describe('from when a schedule counts', () => {
  it('from when it was accepted', () => expect(currentNotes(null, job, 5 * HOUR, 6 * HOUR).slot).toBe(5 * HOUR));
  it('from its last slot, whatever is accepted beside it', () => expect(currentNotes(notes, job, 11 * HOUR, 12 * HOUR)).toBe(notes));
  it('from when it was changed', () => expect(currentNotes(notes, { ...job, schedule: '0 4 * * *' }, 11 * HOUR, 12 * HOUR)).toMatchObject({ slot: 11 * HOUR, schedule: '0 4 * * *' }));
  it('from when it has come back', () => {
    const gone = notesOfGone({ ...notes, last: 4 });
    expect(currentNotes(gone, job, 50 * HOUR, 51 * HOUR)).toEqual({ ...notes, last: 4, slot: 50 * HOUR });
  });
  it('from now, where a clock was ahead', () => {
    expect(currentNotes(notes, job, 0, 2 * HOUR).slot).toBe(2 * HOUR);
    expect(currentNotes(null, job, 9 * HOUR, 2 * HOUR).slot).toBe(2 * HOUR);
    expect(currentNotes(notes, job, 0, 10 * HOUR - 2000)).toBe(notes); // it was put right by a little: no slot comes twice
  });
  it('from its last slot, where the clock was set back by less than a day over slots that were all taken', () => {
    const taken = { ...notes, slot: 10 * HOUR, since: 6 * HOUR };
    expect(currentNotes(taken, job, 0, 8 * HOUR)).toBe(taken);
    expect(currentNotes(taken, job, 0, 5 * HOUR)).toMatchObject({ slot: 5 * HOUR, since: null });
    expect(currentNotes({ ...notes, slot: 40 * HOUR, since: 0 }, job, 0, 8 * HOUR)).toMatchObject({ slot: 8 * HOUR, since: null });
  });
  it('what was taken as it came, and what was left out in between', () => {
    expect(takenSince({ slot: 10, since: 5 }, 20, 20)).toBe(5);
    expect(takenSince({ slot: 10, since: null }, 20, 20)).toBe(10);
    expect(takenSince({ slot: 10, since: 5 }, 50, 20)).toBe(50);
  });
  it('what waits of a service that goes does not come when it is back', () => {
    const state = (phase: JobState['phase']): JobState => notesOfGone({ ...notes, state: { phase, slot: 1, attempt: 1, retryAt: 5, waiting: [2, 3] } }).state;
    expect(state('retrying')).toEqual(IDLE);
    expect(state('running')).toMatchObject({ phase: 'running', waiting: [] });
  });
});

it('of a service that is not there no run is desired', () => {
  expect(() => desiredRun(nothingDesired('demo', false, null), 'tidy', { run: 3, container: 'demo-tidy-job-3' })).toThrow('stack demo has no service "tidy" any more: its run 3 is left out');
});

describe('the store', () => {
  let folder = '';
  let title: string | null = 'up';
  let store = new JobStore('', () => null);
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bayplan-jobs-'));
    mkdirSync(join(folder, 'demo'));
    title = 'up';
    store = new JobStore(folder, () => (title === null ? null : { title }));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const path = (): string => join(folder, 'demo/jobs.json');
  const keep = (last: number): Promise<void> => store.change('demo', (kept) => kept('tidy', { ...notes, last }));

  it('knows a change once it is durable, and not where it cannot be written', async () => {
    await keep(1);
    expect(JSON.parse(readFileSync(path(), 'utf8'))).toMatchObject({ services: { tidy: { last: 1 } } });
    rmSync(path());
    mkdirSync(path()); // nothing can be renamed to it
    await expect(keep(2)).rejects.toThrow('EISDIR');
    expect(store.get('demo', 'tidy')?.last).toBe(1);
    rmdirSync(path());
    await keep(2);
    expect(store.get('demo', 'tidy')?.last).toBe(2);
  });

  it('writes nothing of a stack that goes down, and knows nothing of one that has gone', async () => {
    title = 'down';
    await keep(1);
    expect([existsSync(path()), store.get('demo', 'tidy')?.last]).toEqual([false, 1]);
    store.forget('demo');
    title = null;
    await keep(2);
    expect([existsSync(path()), store.get('demo', 'tidy')]).toEqual([false, null]);
  });

  it('changes nothing of a record that it cannot read, until that is mended, or its stack is another one', async () => {
    writeFileSync(path(), '{');
    expect(() => store.read('demo')).toThrow('this record is damaged (it is not JSON); remove it');
    await keep(1);
    expect([readFileSync(path(), 'utf8'), store.get('demo', 'tidy'), [...store.unreadable().keys()]]).toEqual(['{', null, ['demo']]);
    rmSync(path());
    store.read('demo');
    expect(store.unreadable().size).toBe(0);
    writeFileSync(path(), '{');
    expect(() => store.read('demo')).toThrow('damaged');
    store.forget('demo');
    await keep(3);
    expect([store.unreadable().size, store.get('demo', 'tidy')?.last]).toEqual([0, 3]);
  });
});
