import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { KeyedMutex } from '../runtime/container/mutex.ts';
import { readRecord, writeRecord } from '../runtime/record.ts';
import type { JobRun } from '../state/job.ts';
import { JOB_RECORD_VERSION, type JobNotes, JobRecord } from './job-record.ts';
import type { StackRecord } from './stack-record.ts';

/**
 * What is known of the runs of services with schedules. Invariants:
 * - a change is known once it is durable, and only then; of a stack that is being taken down none is written any more;
 * - of a stack whose record cannot be read nothing is known or changed: a slot could come twice.
 */
export class JobStore {
  readonly #folder: string;
  readonly #stack: (name: string) => Pick<StackRecord, 'title'> | null;
  readonly #records = new Map<string, JobRecord>();
  readonly #unreadable = new Map<string, Error>();
  readonly #mutex = new KeyedMutex();

  /** `folder`: that of the stacks' folders. `stack`: the stack as it is desired now. */
  constructor(folder: string, stack: (name: string) => Pick<StackRecord, 'title'> | null) {
    this.#folder = folder;
    this.#stack = stack;
  }

  /** Reads what is kept of a stack, if anything. Throws what readRecord does; the stack is unreadable then, until a later call reads it, or it is forgotten. */
  read(stack: string): void {
    const path = this.#path(stack);
    try {
      if (existsSync(path)) this.#records.set(stack, readRecord(path, JobRecord, JOB_RECORD_VERSION, 'remove it: the schedules of the stack then count from when they were accepted'));
      this.#unreadable.delete(stack);
    } catch (error) {
      this.#unreadable.set(stack, error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  }

  /** The stacks whose record cannot be read, and why. */
  unreadable(): ReadonlyMap<string, Error> {
    return this.#unreadable;
  }

  /** The stack has gone, with its record. */
  forget(stack: string): void {
    this.#records.delete(stack);
    this.#unreadable.delete(stack);
  }

  get(stack: string, service: string): JobNotes | null {
    return this.#records.get(stack)?.services[service] ?? null;
  }

  /** The services of a stack that something is known of. */
  services(stack: string): readonly string[] {
    return Object.keys(this.#records.get(stack)?.services ?? {});
  }

  find(container: string): { readonly stack: string; readonly service: string; readonly run: JobRun } | null {
    for (const [stack, { services }] of this.#records) {
      for (const [service, { runs }] of Object.entries(services)) {
        const run = runs.findLast((each) => each.container === container);
        if (run !== undefined) return { stack, service, run };
      }
    }
    return null;
  }

  /** Does what is done to a stack's notes, one after the other in the order of the calls. `keep` makes a change: it is durable, and known, once the promise resolves. */
  async change<T>(stack: string, work: (keep: (service: string, notes: JobNotes) => Promise<void>) => Promise<T>): Promise<T> {
    return await this.#mutex.run(stack, () => work((service, notes) => this.#keep(stack, service, notes)));
  }

  /** Changes the notes of one service, where there are any. */
  async update(stack: string, service: string, change: (notes: JobNotes) => JobNotes): Promise<void> {
    await this.change(stack, async (keep) => {
      const notes = this.get(stack, service);
      if (notes !== null) await keep(service, change(notes));
    });
  }

  async #keep(stack: string, service: string, notes: JobNotes): Promise<void> {
    if (this.#unreadable.has(stack) || this.#stack(stack) === null) return;
    const record: JobRecord = { version: JOB_RECORD_VERSION, services: { ...this.#records.get(stack)?.services, [service]: notes } };
    try {
      if (!this.#goesDown(stack)) await writeRecord(this.#path(stack), record);
    } catch (error) {
      if (!this.#goesDown(stack)) throw error; // its folder may go at any time
    }
    if (this.#stack(stack) !== null) this.#records.set(stack, record);
  }

  #goesDown(stack: string): boolean {
    return (this.#stack(stack)?.title ?? 'down') === 'down';
  }

  #path(stack: string): string {
    return join(this.#folder, stack, 'jobs.json');
  }
}
