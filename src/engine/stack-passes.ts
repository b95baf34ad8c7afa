import { join } from 'node:path';
import { plan } from '../plan/plan.ts';
import { type Asker, ExclusiveRunner } from '../reconcile/exclusive.ts';
import type { Executor } from '../reconcile/executor.ts';
import { cancelled, runPass, type PassContext, type PassResult } from '../reconcile/pass.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { PassEvent } from '../state/messages.ts';
import type { PassOptions } from '../state/pass-options.ts';
import type { CredentialsByHost } from '../state/registry-credentials.ts';
import type { Desired, State } from '../state/state.ts';
import type { EngineParts } from './engine-parts.ts';
import { objections } from './objections.ts';
import { actualState } from './observe.ts';
import { type PassMark, PassMarks } from './pass-marks.ts';
import { SettledEnds } from './settled-ends.ts';
import { REASON } from './stack-record.ts';

/** Steps of one stack that run at the same time. */
const CONCURRENCY = 16;

/** Carries out steps on behalf of whoever has these credentials. */
export type ExecutorFor = (credentials: CredentialsByHost) => Executor;

/** What a pass over a stack does, and on whose behalf it asks registries. */
export interface Work { readonly name: string; readonly desired: Desired | null; readonly planned: PassContext['plan']; readonly credentials: CredentialsByHost; /** Nothing is changed where something speaks against it (objections.ts). */ readonly wary?: boolean; /** Comes after each image that was pulled, before anything is made of it. */ readonly pulled?: () => Promise<void> }

/** What a pass was to make of a stack. `revision` null: of what is kept nowhere. */
export interface Unfinished { readonly desired: Desired; readonly revision: number | null; readonly options: PassOptions }

export interface Surroundings {
  /** Looks anew at all of a stack. */
  readonly look: (stack: string) => Promise<void>;
  /** A pass over a stack that somebody has asked for has ended. */
  readonly onPassed: (stack: string) => void;
  /** A stack, or these services of it, goes back to what it was. */
  readonly onGoingBack: (stack: string, services: readonly string[] | null, to: number, why: string) => void;
}

/** The passes over the stacks of an engine, one at a time of each. */
export class StackPasses {
  readonly #parts: EngineParts;
  readonly #executor: ExecutorFor;
  readonly #look: Surroundings['look'];
  readonly #onPassed: Surroundings['onPassed'];
  readonly #runner = new ExclusiveRunner<PassResult, PassEvent>();
  /** What the latest pass over each stack is about that has not ended. */
  readonly #scopes = new Map<string, Scope>();

  /** Passes under way that somebody has asked for, by key. */
  readonly #asked = new Map<string, number>();
  /** What was to become of each stack by a pass that something else took over. */
  readonly #unfinished = new Map<string, Unfinished>();
  readonly #marks: PassMarks;

  #heals = 0;

  constructor(parts: EngineParts, executor: ExecutorFor, { look, onPassed }: Surroundings) {
    this.#parts = parts;
    this.#marks = new PassMarks(join(parts.paths.run, 'passes'), parts.report);
    this.#executor = executor;
    this.#look = look;
    this.#onPassed = onPassed;
  }

  /** Whether a pass over the stack is under way, or a change of its containers that an earlier engine had begun. */
  busy(stack: string): boolean {
    return this.#runner.has(stack) || this.#parts.containers.changing.has(stack);
  }

  /** The same of any stack. */
  anyBusy(): boolean {
    return this.#runner.isBusy;
  }

  /**
   * Makes a stack what is desired. `revision`: of the desired state, null: it is kept nowhere; what was accepted before another one takes nothing over from that. Rejects with PassFailed.
   */
  async reconcile(name: string, { desired, revision }: { readonly desired: Desired; readonly revision: number | null }, options: PassOptions, credentials: CredentialsByHost, onEvent: (event: PassEvent) => void, by: Asker & { readonly wary?: boolean; /** An image was pulled; answers the revision that the stack is at since, null: the same. */ readonly pulled?: () => Promise<number | null> }): Promise<void> {
    const latest = this.#parts.stacks.get(name);
    if (revision !== null && latest?.revision !== revision) throw new PassFailed({ ok: false, cancelled: true, message: `cancelled: a later ${latest?.title.split(REASON)[0] ?? 'down'} of this stack took over` });
    this.#parts.networks.repair();
    const scope = scopeOf(options, this.#scopes.get(name), (container) => this.#parts.containers.get(container)?.identity.service ?? '');
    this.#scopes.set(name, scope);
    this.#unfinished.delete(name);
    let over = revision === null ? () => undefined : this.#marks.begin(name, { revision, options: { ...options, ...scope } });
    let told = Promise.resolve();
    const pulled = async (): Promise<void> => await (told = told.then(async () => { // one after another: what the first has found is a revision once
      const renewed = await by.pulled?.() ?? null;
      if (renewed !== null) over = this.#marks.begin(name, { revision: renewed, options: { ...options, ...scope } });
    }));
    const planned: PassContext['plan'] = (actual, now, since) => plan(desired, actual, now, since, { ...options, ...scope });
    try {
      await this.carryOut(name, JSON.stringify([desired, { ...options, ...scope }]), { name, desired, planned, credentials, wary: by.wary === true, pulled }, onEvent, by);
      this.#unfinished.delete(name);
      over();
    } catch (error) {
      if (error instanceof PassFailed && error.cancelled && !error.left) this.#unfinished.set(name, { desired, revision, options: { ...options, ...scope } });
      else over();
      throw error;
    } finally {
      if (this.#scopes.get(name) === scope) this.#scopes.delete(name);
    }
  }

  /** What a pass was kept from finishing by what was done to the stack since; null: nothing, or something else is being done by now. Whoever asks has it from then on. */
  takeUnfinished(name: string): Unfinished | null {
    const work = this.#asked.has(name) ? null : this.#unfinished.get(name) ?? null;
    if (work === null) return null;
    this.#unfinished.delete(name);
    this.#marks.drop(name);
    return work;
  }

  /** What the end of an engine before this one has cut off, by stack. */
  interrupted(): ReadonlyMap<string, PassMark> {
    return this.#marks.interrupted();
  }

  /** It is not gone on with: something else is asked for, or the stack is gone. */
  forgetInterrupted(name: string): void {
    this.#marks.drop(name);
  }

  /** One pass at a time of each `key`; one of the same `fingerprint` is joined. Rejects with PassFailed. */
  async carryOut(key: string, fingerprint: string, { name, desired, planned, credentials, wary = false, pulled }: Work, onEvent: (event: PassEvent) => void, by: Asker): Promise<void> {
    this.#asked.set(key, (this.#asked.get(key) ?? 0) + 1);
    const ends = new SettledEnds(this.#parts.containers);
    const result = await this.#runner.run(key, fingerprint, (passSignal, tell) => runPass({
      plan: (actual, now, since) => ends.checked(planned(actual, now, since)), now: () => Date.now(), concurrency: CONCURRENCY, signal: passSignal, onEvent: tell,
      observe: async () => {
        if (key === name) await this.#parts.containers.changing.of(name); // what is asked for beside other passes waits for nothing
        await ends.settle();
        return await this.observe(name, desired);
      },
      executor: pulled === undefined ? this.#executor(credentials) : tellingPulls(this.#executor(credentials), pulled), ...(wary ? { objections: (made) => objections(this.#parts, made) } : {}),
    }).finally(() => this.#parts.supervisor.undrain(name)), cancelled, { ...by, listener: onEvent }).finally(() => {
      const left = (this.#asked.get(key) ?? 1) - 1;
      if (left > 0) this.#asked.set(key, left);
      else this.#asked.delete(key);
    });
    await this.#parts.containers.flush();
    this.#onPassed(name);
    if (!result.ok) throw new PassFailed(result);
  }

  /**
   * Puts right what has drifted, by a plan and its pass like any other, where nothing else is being done to the stack. Null: something is. Whoever asks for something meanwhile cancels it.
   */
  async heal(name: string, desired: Desired, planned: PassContext['plan']): Promise<PassResult | null> {
    if (this.busy(name)) return null;
    const ends = new SettledEnds(this.#parts.containers);
    const observe = async (): Promise<State> => {
      await ends.settle();
      await this.#look(name);
      return actualState(name, desired, this.#parts);
    };
    return await this.#runner.run(name, `heal ${this.#heals++}`, (signal) => runPass({
      plan: (actual, now, since) => ends.checked(planned(actual, now, since)), observe, executor: this.#executor({}), now: () => Date.now(), concurrency: CONCURRENCY, signal, onEvent: () => undefined,
    }), cancelled, { title: 'heal' });
  }

  /** What was seen to drift is looked at again: whatever is done about it has to show. */
  async observe(name: string, desired: Desired | null): Promise<State> {
    const state = actualState(name, desired, this.#parts);
    if (![...Object.values(state.containers), ...Object.values(state.networks)].some(({ status }) => status?.drift !== undefined)) return state;
    await this.#look(name);
    return actualState(name, desired, this.#parts);
  }

  /** Cancels all passes and waits until they have settled. */
  async close(): Promise<void> {
    await this.#runner.close();
  }
}

/** Services that a pass is about, null: all; and containers among theirs that stay as they are. */
type Scope = Pick<PassOptions, 'only' | 'left'>;

/** A pass that takes over from another one is about that one's services too: what it leaves undone is desired all the same, and what was left as it is stays so, but of services that are asked for now. */
function scopeOf({ only, left }: Scope, before: Scope | undefined, serviceOf: (container: string) => string): Scope {
  if (before === undefined || only === null) return { only, left };
  return { only: before.only === null ? null : [...new Set([...before.only, ...only])].sort(), left: [...new Set([...left, ...before.left.filter((container) => !only.includes(serviceOf(container)))])].sort() };
}

function tellingPulls(executor: Executor, pulled: () => Promise<void>): Executor {
  return {
    ...executor,
    'pull-image': async (...args) => {
      await executor['pull-image'](...args);
      await pulled();
    },
  };
}

/** A pass that did not come to its end. */
export class PassFailed extends BayplanError {
  readonly rollback: readonly string[];
  readonly cancelled: boolean;
  /** Because all who had asked for it have left: nobody wants it any more. */
  readonly left: boolean;
  constructor({ message, rollback = [], cancelled, left }: PassResult) {
    super('pass-failed', message);
    this.rollback = rollback;
    this.cancelled = cancelled === true;
    this.left = left === true;
  }
}

/** Something else took over, or whoever asked has left. */
export function isCancelled(error: unknown): boolean {
  return (error instanceof BayplanError && error.code === 'cancelled') || (error instanceof PassFailed && error.cancelled);
}
