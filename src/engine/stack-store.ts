import { existsSync, linkSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Source } from '../state/messages.ts';
import type { Desired } from '../state/state.ts';
import { KeyedMutex } from '../runtime/container/mutex.ts';
import { readRecord, sweepRecords, syncFolder, writeRecord } from '../runtime/record.ts';
import { SetAsides } from '../runtime/set-aside.ts';
import { refuseForeign } from './check-stack.ts';
import { Revisions } from './revisions.ts';
import { isDown, type RevisionRecord, STACK_RECORD_VERSION, StackRecord } from './stack-record.ts';

const RECORD = 'desired.json';
/** Beside it, where a revision was withdrawn: the highest that was ever given. */
const GIVEN = 'given.json';
const Given = z.object({ version: z.literal(1), revision: z.int().positive() });

/** How a desired state comes to be the stack's. */
export interface Acceptance {
  readonly source: Source;
  readonly base?: number | null;
  /** The folder of the stack file that is meant; null: whichever stack has the name. */
  readonly from?: string | null;
  readonly title: string;
  readonly at: number;
  readonly images: (desired: Desired) => Readonly<Record<string, string>>;
  /** It is a state of its own though all that is written is the same: a name stands for another image than what runs was made from. */
  readonly renewed?: boolean;
  /** It stands only once something is made of it: see `withdraw`. */
  readonly trial?: boolean;
}

/** A desired state of which nothing was made yet. `before`: the one that stood before, null where there was no stack; `askers`: how many want it. */
interface Trial { readonly before: StackRecord | null; readonly askers: number }

/** Desired states, durable before they are acknowledged. */
export class StackStore {
  readonly #folder: string;
  readonly #records = new Map<string, StackRecord>();
  readonly #revisions = new Map<string, Revisions>();
  readonly #trials = new Map<string, Trial>();
  /** The highest revision that each stack was ever given: one that was withdrawn is not given again. */
  readonly #given = new Map<string, number>();
  readonly #asides: SetAsides;
  readonly #report: (line: string) => void;
  readonly #mutex = new KeyedMutex();
  readonly #listeners = new Set<(name: string) => void>();

  /** Reads what is there. */
  constructor(folder: string, asides = new SetAsides(), report: (line: string) => void = () => undefined) {
    this.#folder = folder;
    this.#asides = asides;
    this.#report = report;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(folder)) {
      for (const each of [join(folder, name), join(folder, name, 'revisions')]) sweepRecords(each);
      try {
        const record = asides.read({ kind: 'stack', name, stack: name }, () => readRecord(this.#path(name), StackRecord, STACK_RECORD_VERSION, 'bring the stack up again, or put it back from a backup and restart the engine'));
        if (record !== null) this.#records.set(name, record);
        this.#readGiven(name);
        this.#revisions.set(name, new Revisions(join(folder, name), report));
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
        this.#leftover(name);
      }
    }
  }

  list(): readonly StackRecord[] {
    return [...this.#records.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Null where there is none, or a damaged one. Throws BayplanError `record-too-new`: what a newer engine keeps is nothing to be changed by this one. */
  get(name: string): StackRecord | null {
    const aside = this.#asides.find('stack', name);
    if (aside?.error.code === 'record-too-new') throw aside.error;
    return this.#records.get(name) ?? null;
  }

  /** Tells of each stack whose desired state is another one by now, or gone, or that is no more a new one of which nothing was made; answers what ends it. */
  onChange(listener: (name: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The revisions that a stack had before, oldest first. */
  former(name: string): readonly RevisionRecord[] {
    return this.#revisions.get(name)?.list() ?? [];
  }

  /** Those of all stacks. */
  allFormer(): readonly RevisionRecord[] {
    return [...this.#revisions.values()].flatMap((revisions) => revisions.list());
  }

  /** Whether all of these can be read. */
  formerAreWhole(): boolean {
    return [...this.#revisions.values()].every((revisions) => revisions.whole());
  }

  /**
   * Keeps a desired state as the stack's next revision, and the one before it among the former ones. `base`: the revision it was made from, checked where it is not null. `images`: what the names
   * in a desired state stand for until now.
   */
  async put(name: string, desired: Desired, how: Acceptance): Promise<StackRecord> {
    return this.#mutex.run(name, () => this.#put(name, desired, how));
  }

  async #put(name: string, desired: Desired, { source, base = null, from = null, title, at, images, renewed = false, trial = false }: Acceptance): Promise<StackRecord> {
    const before = this.get(name) ?? undefined;
    refuseForeign(name, from, before ?? null);
    if (base !== null && base !== (before?.revision ?? 0)) {
      throw new BayplanError('conflict', `stack ${name}: it is at revision ${before?.revision ?? 0}, this change was made from ${base}: somebody else has changed it meanwhile; run the command again`);
    }
    if (!renewed && before !== undefined && isDown(before) === isDown({ title }) && JSON.stringify([before.desired, before.source]) === JSON.stringify([desired, source])) {
      const tried = this.#trials.get(name);
      if (trial && tried !== undefined) this.#trials.set(name, { ...tried, askers: tried.askers + 1 });
      return before;
    }
    const last = Math.max(before?.revision ?? 0, this.#revisionsOf(name).last(), this.#given.get(name) ?? 0); // where the record was damaged, what was before it is not written over
    const known = before === undefined ? last === 0 && this.#asides.find('stack', name) === null : !isDown(before);
    const record: StackRecord = { version: STACK_RECORD_VERSION, name, revision: last + 1, source, desired, title, at };
    mkdirSync(join(this.#folder, name), { recursive: true, mode: 0o700 });
    this.#keepDamaged(name);
    const tried = this.#trials.has(name);
    const keep = async (): Promise<void> => { if (before !== undefined) await this.#revisionsOf(name).keep({ ...before, images: images(before.desired) }); };
    if (!tried) await keep(); // else nothing was made of it: there is no way back to that
    await writeRecord(this.#path(name), record);
    if (tried && !this.#trials.has(name)) await keep(); // it stands since
    if (before === undefined) await syncFolder(this.#folder);
    this.#asides.forget('stack', name);
    this.#records.set(name, record);
    this.#given.set(name, record.revision);
    if (trial && known) this.#trials.set(name, { before: this.#trials.has(name) ? this.standing(name) : before ?? null, askers: 1 });
    else this.#trials.delete(name);
    for (const listener of this.#listeners) listener(name);
    return record;
  }

  /** Something was made of what is desired of a stack, or done to it: there is no way back any more but another revision. */
  stands(name: string): void {
    const unborn = this.isUnborn(name);
    this.#trials.delete(name);
    if (unborn) for (const listener of this.#listeners) listener(name);
  }

  /** The desired state of which something was made last, whatever is tried now; null: of none, as far as is known. */
  standing(name: string): StackRecord | null {
    const trial = this.#trials.get(name);
    return trial === undefined ? this.get(name) : trial.before;
  }

  /** Whether it is a new stack of which nothing was made yet, which may be forgotten again. */
  isUnborn(name: string): boolean {
    return this.#trials.get(name)?.before === null;
  }

  /**
   * Takes a desired state back of which nothing was made, for one of those who have put it: with the last of them the one that stood before it is the stack's again, and a stack that was new is
   * forgotten. False: somebody else still wants it, what is desired is another one by now, or it stands.
   */
  async withdraw(name: string, revision: number): Promise<boolean> {
    return await this.#mutex.run(name, async () => {
      const trial = this.#trials.get(name);
      const now = this.#records.get(name)?.revision;
      if (trial === undefined || (now !== undefined && now !== revision)) return false;
      const { before, askers } = trial;
      this.#trials.set(name, { before, askers: askers - 1 });
      if (askers > 1) return false;
      if (before === null) await this.#forget(name);
      else {
        await writeRecord(this.#givenPath(name), { version: 1, revision: this.#given.get(name) ?? revision });
        await writeRecord(this.#path(name), before);
        this.#records.set(name, before);
        this.#trials.delete(name);
        await this.#revisionsOf(name).dropFrom(before.revision);
        for (const listener of this.#listeners) listener(name);
      }
      return true;
    });
  }

  /** Forgets a stack, unless it has a newer revision than `revision` by now. */
  async remove(name: string, revision: number): Promise<void> {
    await this.#mutex.run(name, async () => {
      if (this.#records.get(name)?.revision !== revision) return;
      await this.#forget(name);
    });
  }

  /** Tells of its end first: who keeps something else in its folder writes no more of that then, but for what is on its way. */
  async #forget(name: string): Promise<void> {
    const folder = join(this.#folder, name);
    const record = this.#records.get(name);
    this.#records.delete(name);
    for (const listener of this.#listeners) listener(name);
    try {
      for (const other of readdirSync(folder)) if (other !== RECORD) await rm(join(folder, other), { recursive: true, force: true }); // the record last: without it the rest would be nobody's
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
    } catch (error) {
      if (record !== undefined) this.#records.set(name, record);
      throw error;
    }
    for (const known of [this.#revisions, this.#trials, this.#given]) known.delete(name);
    await syncFolder(this.#folder);
  }

  #revisionsOf(name: string): Revisions {
    const revisions = this.#revisions.get(name) ?? new Revisions(join(this.#folder, name), this.#report);
    this.#revisions.set(name, revisions);
    return revisions;
  }

  /** Another state takes a damaged one's place, which stays beside it for whoever wants to look. The record itself is replaced, never missing. */
  #keepDamaged(name: string): void {
    if (this.#asides.find('stack', name) === null) return;
    rmSync(`${this.#path(name)}.damaged`, { force: true });
    linkSync(this.#path(name), `${this.#path(name)}.damaged`);
  }

  /** A folder without a record: made just before a crash, its state never acknowledged. Where it holds anything else, it stays. */
  #leftover(name: string): void {
    const folder = join(this.#folder, name);
    if (readdirSync(folder).every((file) => file.endsWith('.tmp'))) return rmSync(folder, { recursive: true });
    this.#revisions.set(name, new Revisions(folder, this.#report));
    this.#report(`${folder}: the desired state of stack ${name} is missing (no ${RECORD}); its former revisions are left: bring the stack up again, or remove the folder`);
  }

  /** One that cannot be read keeps nothing else from working. */
  #readGiven(name: string): void {
    const path = this.#givenPath(name);
    if (!existsSync(path)) return;
    try {
      this.#given.set(name, readRecord(path, Given, 1, 'remove it: a number of a revision that was taken back may then be given again').revision);
    } catch (error) {
      this.#report(error instanceof Error ? error.message : String(error));
    }
  }

  #givenPath(name: string): string {
    return join(this.#folder, name, GIVEN);
  }

  #path(name: string): string {
    return join(this.#folder, name, RECORD);
  }
}
