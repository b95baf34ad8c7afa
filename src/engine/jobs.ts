import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerRequest } from '../plan/requested-steps.ts';
import { KeyedMutex } from '../runtime/container/mutex.ts';
import { readRecord, writeRecord } from '../runtime/record.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Job, JobAnswer, JobRun } from '../state/job.ts';
import type { Desired } from '../state/state.ts';
import type { EngineParts } from './engine-parts.ts';
import { afterJobEvent, IDLE, type JobEvent } from './job-machine.ts';
import { JOB_RECORD_VERSION, type JobNotes, JobRecord } from './job-record.ts';
import { desiredRun } from './job-run.ts';
import { dueSlot, nextSlot } from './job-times.ts';
import type { StackRecord } from './stack-record.ts';

/** Clocks are looked at again after so long: they may have been set meanwhile. */
const LOOK_MS = 30_000;
/** What a run depends on has to be as the file says within so long. */
const DEPENDENCIES_MS = 60_000;

export interface JobsContext {
  readonly parts: Pick<EngineParts, 'containers' | 'stacks' | 'supervisor' | 'paths'>;
  /** Makes the one container of a desired state, durably, and starts nothing. */
  readonly create: (desired: Desired) => Promise<string>;
  readonly ask: (name: string, request: ContainerRequest) => Promise<void>;
  readonly now: () => number;
  readonly report: (line: string) => void;
}

/** Of a run that is under way: its timeout, and what ends the wait for what it depends on. */
interface Current { readonly timeout: NodeJS.Timeout | null; readonly over: AbortController }

/**
 * Runs services on their schedules. Invariants:
 * - a slot is written down before its run begins, with the name of the run's container; no slot is ever begun twice, whatever ends the engine in between;
 * - what comes of an event is decided by the table in job-machine.ts, one event of a stack after the other;
 * - of the slots that came while no engine ran, the last one is run once, late.
 */
export class Jobs {
  readonly #context: JobsContext;
  readonly #records = new Map<string, JobRecord>();
  readonly #current = new Map<string, Current>();
  /** Stacks whose record of runs cannot be read. */
  readonly #unreadable = new Set<string>();
  readonly #mutex = new KeyedMutex();
  readonly #off: (() => void)[] = [];
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(context: JobsContext) {
    this.#context = context;
    const { containers, stacks } = context.parts;
    this.#off.push(containers.onEvent((event, name) => {
      if (event === 'exited' || event === 'removed') this.#background(this.#ended(name));
    }));
    this.#off.push(stacks.onChange((name) => {
      if (stacks.get(name) === null) this.#records.delete(name);
      this.#look();
    }));
  }

  /** Takes up what an earlier engine has left: runs that go on, have ended meanwhile, or were written down and not begun. */
  open(): void {
    for (const { name } of this.#context.parts.stacks.list()) {
      const path = this.#path(name);
      try {
        if (existsSync(path)) this.#records.set(name, readRecord(path, JobRecord, JOB_RECORD_VERSION, 'remove it: the schedules of the stack then count from now on'));
      } catch (error) { // its services do not run until then: a slot could come twice
        this.#context.report(error instanceof Error ? error.message : String(error));
        this.#records.set(name, { version: JOB_RECORD_VERSION, services: {} });
        this.#unreadable.add(name);
      }
      for (const service of Object.keys(this.#records.get(name)?.services ?? {})) this.#background(this.#takeUp(name, service));
    }
    this.#look();
  }

  list(stack: string): readonly JobAnswer[] {
    const record = this.#context.parts.stacks.get(stack);
    if (record === null) throw new BayplanError('not-found', `no such stack: ${stack}`);
    return jobsOf(record).map(([service, job]): JobAnswer => {
      const notes = this.#records.get(stack)?.services[service];
      return { version: 1, service, job, next: nextSlot(job, this.#context.now()), phase: notes?.state.phase ?? 'idle', waiting: notes?.state.waiting.length ?? 0, runs: [...notes?.runs ?? []].reverse() };
    });
  }

  /** Runs a service now, as a slot would. Null: it waits for its turn. Throws BayplanError `no-service`, `conflict` where one is under way and the file says to skip others. */
  async run(stack: string, service: string): Promise<JobRun | null> {
    const record = this.#context.parts.stacks.get(stack);
    if (record === null) throw new BayplanError('not-found', `no such stack: ${stack}`);
    if (!jobsOf(record).some(([name]) => name === service)) throw new BayplanError('no-service', `service "${service}" has no schedule; those that have one: ${jobsOf(record).map(([name]) => name).join(', ') || 'none'}`);
    return await this.#handle(stack, service, { type: 'due', slot: null });
  }

  close(): void {
    this.#closed = true;
    for (const off of this.#off) off();
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const { timeout, over } of this.#current.values()) {
      if (timeout !== null) clearTimeout(timeout);
      over.abort();
    }
  }

  /** Begins what is due, and sets the timer for what comes next. */
  #look(): void {
    if (this.#closed) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const now = this.#context.now();
    let next = now + LOOK_MS;
    let found = false;
    for (const record of this.#context.parts.stacks.list()) {
      for (const [service, job] of jobsOf(record)) {
        const notes = this.#notesOf(record, service, job);
        if (notes === null) continue;
        found = true;
        const due = dueSlot(job, notes.slot, now);
        if (due !== null) this.#background(this.#handle(record.name, service, { type: 'due', slot: due }));
        if (notes.state.phase === 'retrying' && notes.state.retryAt <= now) this.#background(this.#handle(record.name, service, { type: 'retry' }));
        else if (notes.state.phase === 'retrying') next = Math.min(next, notes.state.retryAt);
        next = Math.min(next, nextSlot(job, now) ?? next);
      }
    }
    this.#timer = found ? setTimeout(() => this.#look(), Math.max(next - now, 1)) : null;
  }

  /** `ended`: the run that the event is of, as it is then. All that comes of an event is one record. Answers the run that has begun. */
  async #handle(stack: string, service: string, event: JobEvent, ended: JobRun | null = null): Promise<JobRun | null> {
    return await this.#mutex.run(stack, async () => {
      const record = this.#context.parts.stacks.get(stack);
      const job = record?.desired.services[service]?.job ?? null;
      const left = this.#records.get(stack)?.services[service];
      if (job === null && left !== undefined && event.type === 'ended') await this.#keep(stack, service, { ...withRun(left, ended), state: IDLE }); // its service has gone meanwhile
      const known = record === null || job === null ? null : this.#notesOf(record, service, job);
      const notes = known === null ? null : withRun(known, ended);
      if (record === null || job === null || notes === null || this.#closed) return null;
      if (ended !== null && known?.runs.find(({ run }) => run === ended.run)?.finishedAt !== 0) return null; // its end was told twice
      if (event.type === 'due' && event.slot !== null && event.slot <= notes.slot) return null; // it was taken already
      const { state, action } = afterJobEvent(notes.state, event, job);
      const slot = event.type === 'due' && event.slot !== null ? event.slot : notes.slot;
      if (action !== 'start') {
        await this.#keep(stack, service, { ...notes, state, slot });
        if (action === 'skip' && event.type === 'due' && event.slot === null) throw new BayplanError('conflict', `service "${service}" is being run already: wait for its end, or let the file say overlap: queue`);
        if (action === 'skip') this.#context.report(`${stack}: service ${service} is still running: its run of ${new Date(slot).toISOString()} is left out (overlap: skip)`);
        if (action === 'stop') this.#background(this.#stop(notes.runs.at(-1)?.container ?? ''));
        return null;
      }
      const run: JobRun = { run: notes.last + 1, container: `${stack}-${service}-job-${notes.last + 1}`, slot: state.slot, attempt: state.attempt, startedAt: 0, finishedAt: 0, exitCode: 0, error: '' };
      await this.#keep(stack, service, { ...notes, state, slot, last: run.run, runs: [...notes.runs, run] });
      this.#background(this.#begin(stack, service, run, record));
      return run;
    });
  }

  /** Makes a run's container and starts it. What keeps it from that is the run's end. */
  async #begin(stack: string, service: string, run: JobRun, record: StackRecord): Promise<void> {
    const { containers, supervisor } = this.#context.parts;
    const wanted = record.desired.services[service];
    if (wanted?.job === null || wanted === undefined) return;
    const over = this.#watch(run.container, wanted.job.timeoutMs);
    try {
      const limit = AbortSignal.any([over.signal, AbortSignal.timeout(DEPENDENCIES_MS)]);
      const needed = Object.entries(wanted.dependsOn).flatMap(([other, { condition }]) => [...containers.list()].filter(([, { identity }]) => identity.owner === 'stack' && identity.stack === stack && identity.service === other)
        .map(([name]) => supervisor.waitFor(name, condition === 'service_healthy' ? 'healthy' : condition === 'service_started' ? 'started' : 'completed', limit)));
      await Promise.all(needed);
      if (containers.get(run.container) === null) await this.#context.create(desiredRun(record.desired, service, run));
      if (this.#context.parts.stacks.get(stack)?.desired.services[service] === undefined) return await this.#context.ask(run.container, { action: 'remove', volumes: true, ended: false }); // it was taken down meanwhile
      over.signal.throwIfAborted();
      await this.#context.ask(run.container, { action: 'start' });
      await this.#note(stack, service, run.run, { startedAt: containers.get(run.container)?.status?.startedAt ?? 0 });
      if (over.signal.aborted && !this.#closed) await this.#stop(run.container); // it was to be stopped while it began
    } catch (error) {
      if (this.#closed) return;
      const cause: unknown = over.signal.aborted ? over.signal.reason : error;
      await this.#finish(stack, service, run.run, { exitCode: containers.get(run.container)?.status?.exitCode || 125, error: cause instanceof Error ? cause.message : String(cause) });
    }
  }

  async #takeUp(stack: string, service: string): Promise<void> {
    const record = this.#context.parts.stacks.get(stack);
    const run = this.#records.get(stack)?.services[service]?.runs.at(-1);
    if (record === null || run === undefined || run.finishedAt !== 0) return;
    const status = this.#context.parts.containers.get(run.container)?.status;
    if (status === undefined || status === null || status.phase === 'created') await this.#begin(stack, service, run, record); // it was written down, and not begun
    else if (status.phase === 'running') this.#watch(run.container, record.desired.services[service]?.job?.timeoutMs ?? 0, status.startedAt);
    else await this.#ended(run.container);
  }

  #watch(container: string, timeoutMs: number, since = this.#context.now()): AbortController {
    const over = new AbortController();
    const expire = (): void => {
      this.#background(this.#expire(container, timeoutMs));
    };
    this.#current.set(container, { over, timeout: timeoutMs === 0 ? null : setTimeout(expire, Math.min(Math.max(since + timeoutMs - this.#context.now(), 0), 2 ** 31 - 1)) });
    return over;
  }

  async #expire(container: string, timeoutMs: number): Promise<void> {
    const found = this.#find(container);
    if (found === null || found.run.finishedAt !== 0) return;
    const error = `it took longer than its timeout of ${timeoutMs / 1000} s`;
    await this.#note(found.stack, found.service, found.run.run, { error });
    await this.#stop(container, error);
  }

  /** Stops a run, or keeps it from beginning. */
  async #stop(container: string, why = 'it was stopped before it had begun'): Promise<void> {
    this.#current.get(container)?.over.abort(new BayplanError('cancelled', why));
    const { spec, status } = this.#context.parts.containers.get(container) ?? {};
    if (spec === undefined || status?.phase !== 'running') return;
    await this.#context.ask(container, { action: 'stop', signal: spec.stopSignal, graceMs: spec.stopGracePeriodMs });
  }

  async #ended(container: string): Promise<void> {
    const found = this.#find(container);
    if (found === null || found.run.finishedAt !== 0) return;
    const status = this.#context.parts.containers.get(container)?.status;
    if (status === undefined || status === null) return await this.#finish(found.stack, found.service, found.run.run, { exitCode: 137, error: 'its container was removed' });
    await this.#finish(found.stack, found.service, found.run.run, { exitCode: status.exitCode, error: found.run.error || (status.phase === 'lost' ? 'it was lost with the machine, or its process beside it was killed' : status.error) });
  }

  /** Writes down how a run ended, takes away runs that are too old to be kept, and goes on. */
  async #finish(stack: string, service: string, run: number, end: Pick<JobRun, 'exitCode' | 'error'>): Promise<void> {
    const known = this.#records.get(stack)?.services[service]?.runs.find((each) => each.run === run);
    if (known === undefined || known.finishedAt !== 0) return;
    const current = this.#current.get(known.container);
    if (current?.timeout !== null && current?.timeout !== undefined) clearTimeout(current.timeout);
    this.#current.delete(known.container);
    const at = this.#context.now();
    await this.#handle(stack, service, { type: 'ended', ok: end.exitCode === 0 && end.error === '', at }, { ...known, ...end, startedAt: this.#context.parts.containers.get(known.container)?.status?.startedAt ?? known.startedAt, finishedAt: at });
    await this.#forgetOld(stack, service);
    this.#look();
  }

  async #forgetOld(stack: string, service: string): Promise<void> {
    const kept = this.#context.parts.stacks.get(stack)?.desired.services[service]?.job?.history;
    const ended = (this.#records.get(stack)?.services[service]?.runs ?? []).filter(({ finishedAt }) => finishedAt !== 0);
    if (kept === undefined) return;
    for (const { container, run } of ended.slice(0, Math.max(0, ended.length - kept))) {
      if (this.#context.parts.containers.get(container) !== null) await this.#context.ask(container, { action: 'remove', volumes: true, ended: false });
      await this.#mutex.run(stack, async () => {
        const notes = this.#records.get(stack)?.services[service];
        if (notes !== undefined) await this.#keep(stack, service, { ...notes, runs: notes.runs.filter((each) => each.run !== run) });
      });
    }
  }

  async #note(stack: string, service: string, run: number, changes: Partial<JobRun>): Promise<void> {
    await this.#mutex.run(stack, async () => {
      const notes = this.#records.get(stack)?.services[service];
      if (notes !== undefined) await this.#keep(stack, service, { ...notes, runs: notes.runs.map((each) => (each.run === run ? { ...each, ...changes } : each)) });
    });
  }

  #find(container: string): { readonly stack: string; readonly service: string; readonly run: JobRun } | null {
    for (const [stack, { services }] of this.#records) {
      for (const [service, { runs }] of Object.entries(services)) {
        const run = runs.findLast((each) => each.container === container);
        if (run !== undefined) return { stack, service, run };
      }
    }
    return null;
  }

  /** A schedule counts from when it was accepted, or changed. Null: what is known of the stack's runs cannot be read. */
  #notesOf({ name, at }: StackRecord, service: string, { schedule, timezone }: Job): JobNotes | null {
    if (this.#unreadable.has(name)) return null;
    const known = this.#records.get(name)?.services[service];
    if (known?.schedule === schedule && known.timezone === timezone) return known;
    const notes: JobNotes = { state: known?.state ?? IDLE, slot: Math.max(at, known?.slot ?? 0), schedule, timezone, last: known?.last ?? 0, runs: known?.runs ?? [] };
    this.#set(name, service, notes);
    return notes;
  }

  #set(stack: string, service: string, notes: JobNotes): JobRecord {
    const record: JobRecord = { version: JOB_RECORD_VERSION, services: { ...this.#records.get(stack)?.services, [service]: notes } };
    this.#records.set(stack, record);
    return record;
  }

  /** Durable once the promise resolves. Of a stack that is being taken down nothing is kept any more. */
  async #keep(stack: string, service: string, notes: JobNotes): Promise<void> {
    const services = this.#context.parts.stacks.get(stack)?.desired.services ?? {};
    if (!this.#records.has(stack) || Object.keys(services).length === 0) return;
    await writeRecord(this.#path(stack), this.#set(stack, service, notes));
  }

  #path(stack: string): string {
    return join(this.#context.parts.paths.stacks, stack, 'jobs.json');
  }

  #background(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#context.report(error instanceof Error ? error.message : String(error)));
  }
}

function withRun(notes: JobNotes, run: JobRun | null): JobNotes {
  return run === null ? notes : { ...notes, runs: notes.runs.map((each) => (each.run === run.run ? run : each)) };
}

function jobsOf({ desired }: StackRecord): readonly (readonly [string, Job])[] {
  return Object.entries(desired.services).flatMap(([service, { job }]) => (job === null ? [] : [[service, job] as const]));
}
