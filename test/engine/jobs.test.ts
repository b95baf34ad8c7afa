import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { currentNotes, JobRecord } from '../../src/engine/job-record.ts';
import { dueSlot } from '../../src/engine/job-times.ts';
import { Jobs } from '../../src/engine/jobs.ts';
import { STACK_RECORD_VERSION, type StackRecord } from '../../src/engine/stack-record.ts';
import type { ContainerEvent } from '../../src/runtime/container/containers.ts';
import type { Container } from '../../src/state/container.ts';
import type { Job } from '../../src/state/job.ts';
import { desired, service, status } from '../plan/states.ts';

// Time as a machine sees it: clocks that are set, hours that come twice, engines that are not there. What is written is in real files; containers end as soon as they run.
const realTimeout = globalThis.setTimeout;
const MINUTE = 60_000;
const at = (text: string): number => Date.parse(text);
let folder = '';
let jobs: Jobs;
let containers: Map<string, Container>;
let listeners: Set<(event: ContainerEvent, name: string, detail: string) => void>;
/** Slots in the order in which they were run. */
let ran: string[];
let reports: string[];
let record: StackRecord;
let unborn = false;
let changed: (stack: string) => void = () => undefined;

function accept(job: Partial<Job>): void {
  const own: Job = { schedule: '*/10 * * * *', timezone: 'UTC', overlap: 'skip', retries: 0, timeoutMs: 0, history: 2, ...job };
  record = { version: STACK_RECORD_VERSION, name: 'shop', revision: 1, source: { workingDir: '/', files: [] }, desired: desired({ tidy: { ...service(), job: own } }), title: 'up', at: Date.now() };
}

async function engine(): Promise<void> {
  const tell = (event: ContainerEvent, name: string): void => { for (const listener of listeners) listener(event, name, ''); };
  jobs = new Jobs({
    parts: {
      containers: { get: (name) => containers.get(name) ?? null, list: () => containers, onEvent: (listener) => { listeners.add(listener); return () => listeners.delete(listener); } },
      stacks: { get: () => record, list: () => [record], onChange: (listener) => { changed = listener; return () => undefined; }, isUnborn: () => unborn },
      supervisor: { waitFor: () => Promise.resolve() }, paths: { stacks: folder }, booted: false,
    },
    beside: (_stack, work) => work(new AbortController().signal),
    create: ({ containers: wanted }) => {
      for (const [name, { identity, spec }] of Object.entries(wanted)) containers.set(name, { identity, spec, status: status() });
      return Promise.resolve('');
    },
    ask: (name, { action }) => {
      const container = containers.get(name);
      if (container === undefined) throw new Error(`no container ${name}`);
      if (action === 'remove') containers.delete(name);
      else {
        const slot = jobs.list('shop')[0]?.runs[0]?.slot ?? 0;
        ran.push(new Date(slot).toISOString().slice(5, 16));
        containers.set(name, { ...container, status: status({ phase: 'exited', startedAt: Date.now(), finishedAt: Date.now() }) });
        tell('exited', name);
      }
      return Promise.resolve();
    },
    now: () => Date.now(), report: (line) => reports.push(line),
  });
  jobs.open();
  await quiet();
}

/** Lets time go by, and what it brings about be written. */
async function pass(ms: number, step = 2 * MINUTE): Promise<void> {
  for (let left = ms; left > 0; left -= step) {
    await vi.advanceTimersByTimeAsync(Math.min(step, left));
    await quiet();
  }
}

async function quiet(): Promise<void> {
  for (let rounds = 0; !isQuiet(); rounds++) {
    await vi.advanceTimersByTimeAsync(rounds < 100 ? 1 : 1000); // what is late has a timer that is nearly over; else the next look, half a minute later, finds what there is to do
    await new Promise((resolve) => realTimeout(resolve, 2));
  }
}

/** Nothing is due, and what was has come to its end and is written down. */
function isQuiet(): boolean {
  const job = record.desired.services['tidy']?.job ?? null;
  const path = join(folder, 'shop/jobs.json');
  const notes = existsSync(path) ? JobRecord.parse(JSON.parse(readFileSync(path, 'utf8'))).services['tidy'] : undefined;
  return job !== null && notes !== undefined && notes.state.phase === 'idle' && notes.runs.length <= 2 && notes.runs.every(({ finishedAt }) => finishedAt > 0)
    && currentNotes(notes, job, record.at, Date.now()) === notes && dueSlot(job, notes.slot, Date.now()) === null && jobs.list('shop')[0]?.runs.length === notes.runs.length;
}

beforeEach(() => {
  folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'bayplan-jobs-'));
  mkdirSync(join(folder, 'shop'));
  containers = new Map();
  listeners = new Set();
  ran = [];
  reports = [];
  vi.useFakeTimers({ now: at('2026-01-05T10:00:30Z'), toFake: ['setTimeout', 'clearTimeout', 'Date'] });
});
afterEach(() => {
  jobs.close();
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
  expect(reports).toEqual([]);
});

const tens = (from: string, count: number): string[] => Array.from({ length: count }, (_, i) => new Date(at(from) + i * 10 * MINUTE).toISOString().slice(5, 16));

describe('no slot runs twice', { timeout: 60_000 }, () => {
  it('where the clock is set back by an hour, and the next one comes as it should', async () => {
    accept({});
    await engine();
    await pass(70 * MINUTE);
    expect(ran).toEqual(tens('2026-01-05T10:10:00Z', 7));
    vi.setSystemTime(Date.now() - 60 * MINUTE);
    await pass(20 * MINUTE);
    expect(jobs.list('shop')[0]?.next).toBe(at('2026-01-05T11:20:00Z'));
    await pass(50 * MINUTE);
    expect(ran).toEqual(tens('2026-01-05T10:10:00Z', 8));
  });

  it('where that happens while no engine runs', async () => {
    accept({});
    await engine();
    await pass(40 * MINUTE);
    jobs.close();
    vi.setSystemTime(Date.now() - 30 * MINUTE);
    await engine();
    await pass(50 * MINUTE);
    expect(ran).toEqual(tens('2026-01-05T10:10:00Z', 6));
  });

  it('where a clock that was ahead at a boot is put right: what it left out comes', async () => {
    accept({});
    vi.setSystemTime(at('2026-01-05T13:00:30Z'));
    await engine();
    await pass(10 * MINUTE);
    expect(ran).toEqual(['01-05T13:00', '01-05T13:10']);
    vi.setSystemTime(at('2026-01-05T10:05:00Z'));
    await pass(20 * MINUTE);
    expect(ran.slice(2)).toEqual(tens('2026-01-05T10:10:00Z', 2));
  });

  it('in the hour that comes twice, whatever engine is there; and the one that is left out runs at its end', async () => {
    vi.setSystemTime(at('2026-10-24T23:00:00Z'));
    accept({ schedule: '30 2 * * *', timezone: 'Europe/Berlin' });
    await engine();
    const goOn = async (hours: number): Promise<void> => {
      for (let left = hours; left > 0; left -= 1.25) { // another engine each time
        jobs.close();
        vi.setSystemTime(Date.now() + 75 * MINUTE);
        await engine();
        await pass(MINUTE);
      }
    };
    await goOn(30);
    expect(ran).toEqual(['10-25T00:30', '10-26T01:30']);
    vi.setSystemTime(at('2027-03-28T00:00:00Z'));
    jobs.close();
    accept({ schedule: '31 2 * * *', timezone: 'Europe/Berlin' });
    await engine();
    await goOn(26);
    expect(ran.slice(2)).toEqual(['03-28T01:00', '03-29T00:31']);
  });
});

it('a clock that is set ahead, or a machine that was away, brings one run, late; one that is set back by more than a day goes on from there', { timeout: 60_000 }, async () => {
  accept({});
  await engine();
  await pass(10 * MINUTE);
  vi.setSystemTime(at('2026-01-09T08:04:00Z'));
  await pass(10 * MINUTE);
  expect(ran).toEqual(['01-05T10:10', '01-09T08:00', '01-09T08:10']);
  vi.setSystemTime(at('2026-01-06T10:05:00Z'));
  await pass(20 * MINUTE);
  expect(ran.slice(3)).toEqual(tens('2026-01-06T10:10:00Z', 2));
});

it('of a new stack of which nothing was made yet no schedule runs; what was due then does once it is there', async () => {
  vi.setSystemTime(at('2026-03-01T12:01:00Z'));
  accept({});
  await engine();
  unborn = true;
  await vi.advanceTimersByTimeAsync(25 * MINUTE);
  expect(ran).toEqual([]);
  unborn = false;
  changed('shop');
  await quiet();
  expect(ran).toHaveLength(1);
  await pass(10 * MINUTE);
  expect(ran).toHaveLength(2);
});
