import type { ContainerRequest } from '../plan/requested-steps.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { ContainerStore } from '../runtime/container/container-store.ts';
import type { Job, JobAnswer, JobRun } from '../state/job.ts';
import type { Paths } from '../state/paths.ts';
import type { Desired } from '../state/state.ts';
import { afterJobEvent, IDLE, type JobEvent, LONGEST_RETRY_MS } from './job-machine.ts';
import { currentNotes, type JobNotes, notesOfGone, takenSince, withRun } from './job-record.ts';
import { dependenciesOf, desiredRun } from './job-run.ts';
import { JobStore } from './job-store.ts';
import { dueSlot, nextSlot } from './job-times.ts';
import { RunsUnderWay } from './runs-under-way.ts';
import type { StackRecord } from './stack-record.ts';
import type { StackStore } from './stack-store.ts';
import type { Supervisor } from './supervisor.ts';

/** Clocks are looked at again after so long: they may have been set meanwhile. */
const LOOK_MS = 30_000;
/** An end that could not be written down is, after so long. */
const AGAIN_MS = 1000;

const GONE = 'its service was taken away before it had begun';
const STOPPED = 'it was stopped before it had begun';

export interface JobsContext {
  readonly parts: {
    readonly containers: Pick<ContainerStore, 'get' | 'list' | 'onEvent'>;
    readonly stacks: Pick<StackStore, 'get' | 'list' | 'onChange' | 'isUnborn'>;
    readonly supervisor: Pick<Supervisor, 'waitFor'>;
    readonly paths: Pick<Paths, 'stacks'>;
    readonly booted: boolean;
  };
  /** Does `work` while nothing takes the stack down; a down then cancels it, and waits until it has settled. */
  readonly beside: (stack: string, work: (signal: AbortSignal) => Promise<void>) => Promise<void>;
  /** Makes the one container of a desired state, durably, and starts nothing. */
  readonly create: (desired: Desired, signal: AbortSignal) => Promise<string>;
  readonly ask: (name: string, request: ContainerRequest) => Promise<void>;
  readonly now: () => number;
  readonly report: (line: string) => void;
}

/**
 * Runs services on their schedules. Invariants:
 * - a slot is written down before its run begins, with the name of the run's container; no slot is ever begun twice, whatever ends the engine in between;
 * - that a run is about to start is on disk before it does: what a power cut leaves of its container need not show that it ran;
 * - what comes of an event is decided by the table in job-machine.ts, one event of a stack after the other;
 * - of the slots that came while no engine ran, the last one is run once, late.
 */
export class Jobs {
  readonly #context: JobsContext;
  readonly #notes: JobStore;
  readonly #current: RunsUnderWay;
  /** Ends of runs that could not be written down, by container, and when to try again. */
  readonly #unwritten = new Map<string, { readonly at: number; readonly again: () => Promise<void> }>();
  readonly #off: (() => void)[] = [];
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(context: JobsContext) {
    this.#context = context;
    const { containers, stacks, paths } = context.parts;
    this.#current = new RunsUnderWay(context.now, (container, timeoutMs) => this.#background(this.#expire(container, timeoutMs)));
    this.#notes = new JobStore(paths.stacks, (name) => stacks.get(name));
    this.#off.push(containers.onEvent((event, name) => {
      if (event === 'exited' || event === 'removed') this.#background(this.#ended(name));
    }));
    this.#off.push(stacks.onChange((name) => {
      this.#goneOf(name);
      if (stacks.get(name) === null) this.#notes.forget(name);
      this.#look();
    }));
  }

  /** Takes up what an earlier engine has left: runs that go on, have ended meanwhile, or were written down and not begun. */
  open(): void {
    for (const { name } of this.#context.parts.stacks.list()) this.#open(name, true);
    this.#look();
  }

  list(stack: string): readonly JobAnswer[] {
    const record = this.#context.parts.stacks.get(stack);
    if (record === null) throw new BayplanError('not-found', `no such stack: ${stack}`);
    return jobsOf(record).map(([service, job]): JobAnswer => {
      const notes = this.#notes.get(stack, service);
      return { version: 1, service, job, next: notes?.held === true ? null : nextSlot(job, Math.max(this.#context.now(), notes?.slot ?? 0)), held: notes?.held ?? false, phase: notes?.state.phase ?? 'idle', waiting: notes?.state.waiting.length ?? 0, runs: [...notes?.runs ?? []].reverse() };
    });
  }

  /** Runs a service now, as a slot would. Null: it waits for its turn. Throws BayplanError `no-service`, what is wrong with the stack's record of runs, `conflict` where one is under way and the file says to skip others. */
  async run(stack: string, service: string): Promise<JobRun | null> {
    const record = this.#context.parts.stacks.get(stack);
    if (record === null) throw new BayplanError('not-found', `no such stack: ${stack}`);
    if (!jobsOf(record).some(([name]) => name === service)) throw new BayplanError('no-service', `service "${service}" has no schedule; those that have one: ${jobsOf(record).map(([name]) => name).join(', ') || 'none'}`);
    const unreadable = this.#notes.unreadable().get(stack);
    if (unreadable !== undefined) throw unreadable;
    return await this.#handle(stack, service, { type: 'due', slot: null });
  }

  /** Of these services, all where none is named, no slot comes until `release`; a run that is under way is stopped. Answers which have a schedule. */
  async hold(stack: string, services: readonly string[]): Promise<readonly string[]> {
    return await this.#setHeld(stack, services, async (service, job, notes, keep) => {
      const { state, action } = afterJobEvent(notes.state, { type: 'held' }, job);
      await keep(service, { ...notes, held: true, state });
      if (action === 'stop') this.#background(this.#stop(notes.runs.at(-1)?.container ?? ''));
    });
  }

  /** Their schedules count on, from now. Answers which were held. */
  async release(stack: string, services: readonly string[]): Promise<readonly string[]> {
    const released: string[] = [];
    await this.#setHeld(stack, services, async (service, _job, notes, keep) => {
      if (!notes.held) return;
      await keep(service, { ...notes, held: false, slot: this.#context.now(), since: null });
      released.push(service);
    });
    this.#look();
    return released;
  }

  async #setHeld(stack: string, services: readonly string[], change: (service: string, job: Job, notes: JobNotes, keep: (service: string, notes: JobNotes) => Promise<void>) => Promise<void>): Promise<readonly string[]> {
    const record = this.#context.parts.stacks.get(stack);
    if (record === null || this.#notes.unreadable().has(stack)) return [];
    const meant = jobsOf(record).filter(([service]) => services.length === 0 || services.includes(service));
    if (meant.length > 0) await this.#notes.change(stack, async (keep) => {
      for (const [service, job] of meant) await change(service, job, currentNotes(this.#notes.get(stack, service), job, record.at, this.#context.now()), keep);
    });
    return meant.map(([service]) => service);
  }

  close(): void {
    this.#closed = true;
    for (const off of this.#off) off();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#current.close();
  }

  /** Takes up what is known of a stack. Where that cannot be read, its services do not run until it can be: a slot could come twice. */
  #open(stack: string, first: boolean): void {
    try {
      this.#notes.read(stack);
    } catch (error) {
      if (first) this.#context.report(error instanceof Error ? error.message : String(error));
    }
    this.#goneOf(stack);
    for (const service of this.#notes.services(stack)) this.#background(this.#takeUp(stack, service));
  }

  /** Notes which services of a stack are not desired any more, or have no schedule: where they come back, they count from then. */
  #goneOf(stack: string): void {
    for (const service of this.#notes.services(stack)) {
      if (this.#wants(stack, service)) continue;
      const run = this.#notes.get(stack, service)?.runs.at(-1);
      if (run !== undefined) this.#current.cancel(run.container, GONE);
      if (this.#context.parts.stacks.get(stack) === null && run !== undefined) this.#current.drop(run.container);
      this.#background(this.#notes.change(stack, async (keep) => { // in its turn: it may be back by then
        const notes = this.#notes.get(stack, service);
        if (notes !== null && notes.schedule !== '') await keep(service, notesOfGone(notes));
      }));
    }
  }

  /** Begins what is due, and sets the timer for what comes next. */
  #look(): void {
    if (this.#closed) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const now = this.#context.now();
    let next = now + LOOK_MS;
    let found = this.#unwritten.size > 0 || this.#notes.unreadable().size > 0;
    for (const { at, again } of this.#unwritten.values()) {
      if (at <= now) this.#background(again());
      next = Math.min(next, Math.max(at, now + AGAIN_MS));
    }
    for (const stack of this.#notes.unreadable().keys()) this.#open(stack, false);
    for (const record of this.#context.parts.stacks.list()) {
      for (const [service, job] of jobsOf(record)) {
        if (this.#notes.unreadable().has(record.name) || this.#context.parts.stacks.isUnborn(record.name)) continue;
        const known = this.#notes.get(record.name, service);
        const notes = currentNotes(known, job, record.at, now);
        if (notes !== known) this.#background(this.#count(record.name, service));
        found = true;
        const due = notes.held ? null : dueSlot(job, notes.slot, now);
        if (due !== null) this.#background(this.#handle(record.name, service, { type: 'due', slot: due }));
        if (notes.state.phase === 'retrying' && (notes.state.retryAt <= now || notes.state.retryAt > now + LONGEST_RETRY_MS)) this.#background(this.#handle(record.name, service, { type: 'retry' }));
        else if (notes.state.phase === 'retrying') next = Math.min(next, notes.state.retryAt);
        if (!notes.held) next = Math.min(next, nextSlot(job, now) ?? next);
      }
    }
    this.#timer = found ? setTimeout(() => this.#look(), Math.max(next - now, 1)) : null;
  }

  /** `ended`: the run that the event is of, as it is then. All that comes of an event is one record. Answers the run that has begun. */
  async #handle(stack: string, service: string, event: JobEvent, ended: JobRun | null = null): Promise<JobRun | null> {
    return await this.#notes.change(stack, async (keep) => {
      const record = this.#context.parts.stacks.get(stack);
      const job = record?.desired.services[service]?.job ?? null;
      const left = this.#notes.get(stack, service);
      if (job === null && left !== null && event.type === 'ended') await keep(service, { ...withRun(left, ended), state: IDLE }); // its service has gone meanwhile
      const known = record === null || job === null || this.#notes.unreadable().has(stack) ? null : currentNotes(left, job, record.at, this.#context.now());
      const notes = known === null ? null : withRun(known, ended);
      if (record === null || job === null || notes === null || this.#closed) return null;
      if (ended !== null && known?.runs.find(({ run }) => run === ended.run)?.finishedAt !== 0) return null; // its end was told twice
      if (event.type === 'due' && event.slot !== null && (event.slot <= notes.slot || notes.runs.some((run) => run.slot === event.slot))) return null; // it was taken already
      const { state, action } = afterJobEvent(notes.state, event, job);
      const slot = event.type === 'due' && event.slot !== null ? event.slot : notes.slot;
      const since = slot === notes.slot ? notes.since : takenSince(notes, slot, nextSlot(job, notes.slot));
      if (action !== 'start') {
        await keep(service, { ...notes, state, slot, since });
        if (action === 'skip' && event.type === 'due' && event.slot === null) throw new BayplanError('conflict', `service "${service}" is being run already: wait for its end, or let the file say overlap: queue`);
        if (action === 'skip') this.#context.report(`${stack}: service ${service} is still running: its run of ${new Date(slot).toISOString()} is left out (overlap: skip)`);
        if (action === 'stop') this.#background(this.#stop(notes.runs.at(-1)?.container ?? ''));
        return null;
      }
      const run: JobRun = { run: notes.last + 1, container: `${stack}-${service}-job-${notes.last + 1}`, slot: state.slot, attempt: state.attempt, startedAt: 0, finishedAt: 0, exitCode: 0, error: '' };
      await keep(service, { ...notes, state, slot, since, last: run.run, runs: [...notes.runs, run] });
      this.#background(this.#begin(stack, service, run));
      return run;
    });
  }

  /** Writes down from when a schedule counts. */
  async #count(stack: string, service: string): Promise<void> {
    await this.#notes.change(stack, async (keep) => {
      const record = this.#context.parts.stacks.get(stack);
      const job = record?.desired.services[service]?.job ?? null;
      const known = this.#notes.get(stack, service);
      const notes = record === null || job === null ? known : currentNotes(known, job, record.at, this.#context.now());
      if (notes !== null && notes !== known) await keep(service, notes);
    });
  }

  /** Makes a run's container and starts it. What keeps it from that is the run's end. */
  async #begin(stack: string, service: string, run: JobRun): Promise<void> {
    const { containers, stacks } = this.#context.parts;
    const wanted = stacks.get(stack)?.desired.services[service];
    const over = this.#current.add(run.container, wanted?.job?.timeoutMs ?? 0);
    try {
      await dependenciesOf(this.#context.parts, stack, wanted?.dependsOn ?? {}, over);
      await this.#context.beside(stack, async (signal) => {
        over.throwIfAborted();
        const desired = this.#desired(stack, service, run);
        if (containers.get(run.container) === null) await this.#context.create(desired, signal);
        if (!this.#wants(stack, service)) return await this.#context.ask(run.container, { action: 'remove', volumes: true, ended: false }); // its service was taken away meanwhile
        AbortSignal.any([over, signal]).throwIfAborted();
        await this.#notes.update(stack, service, (notes) => ({ ...notes, begun: run.run }));
        await this.#context.ask(run.container, { action: 'start' });
      });
    } catch (error) {
      if (this.#closed || !this.#current.is(run.container, over)) return;
      const cause: unknown = over.aborted ? over.reason : error;
      return await this.#finish(stack, service, run, { exitCode: containers.get(run.container)?.status?.exitCode || 125, error: cause instanceof Error ? cause.message : String(cause) });
    }
    this.#background(this.#note(stack, service, run.run, { startedAt: containers.get(run.container)?.status?.startedAt ?? 0 }));
    if (over.aborted && !this.#closed) await this.#stop(run.container); // it was to be stopped while it began
  }

  /** What is desired of a run now. Throws where nothing is. */
  #desired(stack: string, service: string, run: JobRun): Desired {
    const desired = this.#context.parts.stacks.get(stack)?.desired;
    if (desired === undefined || !this.#wants(stack, service)) throw new BayplanError('cancelled', GONE);
    return desiredRun(desired, service, run);
  }

  #wants(stack: string, service: string): boolean {
    return (this.#context.parts.stacks.get(stack)?.desired.services[service]?.job ?? null) !== null;
  }

  async #takeUp(stack: string, service: string): Promise<void> {
    const notes = this.#notes.get(stack, service);
    const run = notes?.runs.at(-1);
    if (notes === null || run === undefined || run.finishedAt !== 0) return;
    const { containers, booted } = this.#context.parts;
    const status = containers.get(run.container)?.status ?? null;
    const begun = status !== null && status.phase !== 'created';
    if ((begun && status.phase !== 'running') || (!begun && booted && notes.begun === run.run)) return await this.#ended(run.container);
    if (!begun && notes.state.phase === 'stopping') return await this.#finish(stack, service, run, { exitCode: 125, error: STOPPED });
    if (!begun) return await this.#begin(stack, service, run); // it was written down, and not begun
    this.#current.add(run.container, this.#context.parts.stacks.get(stack)?.desired.services[service]?.job?.timeoutMs ?? 0, status.startedAt);
    if (notes.state.phase === 'stopping') await this.#stop(run.container);
  }

  async #expire(container: string, timeoutMs: number): Promise<void> {
    const found = this.#notes.find(container);
    if (found === null || found.run.finishedAt !== 0) return;
    const error = `it took longer than its timeout of ${timeoutMs / 1000} s`;
    await this.#note(found.stack, found.service, found.run.run, { error }).finally(() => this.#stop(container, error));
  }

  /** Stops a run, or keeps it from beginning. */
  async #stop(container: string, why = STOPPED): Promise<void> {
    this.#current.cancel(container, why);
    const { spec, status } = this.#context.parts.containers.get(container) ?? {};
    if (spec === undefined || status?.phase !== 'running') return;
    await this.#context.ask(container, { action: 'stop', signal: spec.stopSignal, graceMs: spec.stopGracePeriodMs });
  }

  async #ended(container: string): Promise<void> {
    const found = this.#notes.find(container);
    if (found === null || found.run.finishedAt !== 0) return;
    const status = this.#context.parts.containers.get(container)?.status;
    if (status === undefined || status === null) return await this.#finish(found.stack, found.service, found.run, { exitCode: 137, error: 'its container was removed' });
    const lost = status.phase === 'lost' || status.phase === 'created'; // it was about to start
    await this.#finish(found.stack, found.service, found.run, { exitCode: lost ? 137 : status.exitCode, error: found.run.error || (lost ? 'it was lost with the machine, or its process beside it was killed' : status.error) });
  }

  /** Writes down how a run ended, takes away runs that are too old to be kept, and goes on. */
  async #finish(stack: string, service: string, run: JobRun, end: Pick<JobRun, 'exitCode' | 'error'>, at = this.#context.now()): Promise<void> {
    const { container } = run;
    this.#current.drop(container);
    const known = this.#notes.get(stack, service)?.runs.find((each) => each.run === run.run);
    if (known === undefined || known.finishedAt !== 0) return void this.#unwritten.delete(container);
    const startedAt = this.#context.parts.containers.get(container)?.status?.startedAt ?? known.startedAt;
    try {
      await this.#handle(stack, service, { type: 'ended', ok: end.exitCode === 0 && end.error === '', at }, { ...known, ...end, startedAt, finishedAt: at });
      this.#unwritten.delete(container);
    } catch (error) { // of a full disk, say: the service waits until it can be
      const told = this.#unwritten.has(container);
      this.#unwritten.set(container, { at: this.#context.now() + AGAIN_MS, again: () => this.#finish(stack, service, run, end, at) });
      if (!told) this.#context.report(`the end of ${container} could not be written down: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (!this.#unwritten.has(container)) await this.#forgetOld(stack, service);
    this.#look();
  }

  async #forgetOld(stack: string, service: string): Promise<void> {
    const kept = this.#context.parts.stacks.get(stack)?.desired.services[service]?.job?.history;
    const ended = (this.#notes.get(stack, service)?.runs ?? []).filter(({ finishedAt }) => finishedAt !== 0);
    if (kept === undefined) return;
    for (const { container, run } of ended.slice(0, Math.max(0, ended.length - kept))) {
      if (this.#context.parts.containers.get(container) !== null) await this.#context.ask(container, { action: 'remove', volumes: true, ended: false });
      await this.#notes.update(stack, service, (notes) => ({ ...notes, runs: notes.runs.filter((each) => each.run !== run) }));
    }
  }

  async #note(stack: string, service: string, run: number, changes: Partial<JobRun>): Promise<void> {
    await this.#notes.update(stack, service, (notes) => ({ ...notes, runs: notes.runs.map((each) => (each.run === run ? { ...each, ...changes } : each)) }));
  }

  #background(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#context.report(error instanceof Error ? error.message : String(error)));
  }
}

function jobsOf({ desired }: StackRecord): readonly (readonly [string, Job])[] {
  return Object.entries(desired.services).flatMap(([service, { job }]) => (job === null ? [] : [[service, job] as const]));
}
