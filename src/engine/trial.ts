import { BayplanError } from '../state/bayplan-error.ts';
import type { PassEvent, Source, StackRequest } from '../state/messages.ts';
import type { PassOptions } from '../state/pass-options.ts';
import type { Desired } from '../state/state.ts';
import type { DesiredStates } from './desired-states.ts';
import type { EngineParts } from './engine-parts.ts';
import { atFirstChange } from './first-change.ts';
import type { GoingBack } from './going-back.ts';
import type { StackHistory } from './stack-history.ts';
import { isCancelled, PassFailed } from './stack-passes.ts';
import type { StackRecord } from './stack-record.ts';

export interface TrialContext {
  readonly parts: Pick<EngineParts, 'stacks' | 'containers' | 'asides' | 'report'>;
  readonly states: DesiredStates;
  readonly history: StackHistory;
  readonly goingBack: GoingBack;
}

/**
 * One attempt to make a stack something else: begun before its desired state is accepted, and over once that stands or is taken back. What is tried stands with the first thing that is made of it;
 * where it fails before, the stack is what it was, and is to be: a boot or a repair would else go for what nobody has ever seen.
 */
export class Trial {
  readonly #context: TrialContext;
  readonly #name: string;
  /** What was desired until now, whether anything was made of that or not. */
  readonly before: StackRecord | null;
  /** Of which something was made last: the way back leads there. */
  readonly #standing: StackRecord | null;
  /** Nothing is known of the stack, and nothing of it is there. */
  readonly #fresh: boolean;
  /** What the names of images in `before` stand for until now. */
  readonly #images: Readonly<Record<string, string>>;
  #tried: StackRecord | null = null;
  #revision: number;

  constructor(context: TrialContext, name: string) {
    const { stacks } = context.parts;
    this.#context = context;
    this.#name = name;
    this.before = stacks.get(name);
    this.#standing = stacks.standing(name);
    this.#fresh = this.#standing === null && !this.#hasTraces();
    this.#images = this.before === null ? {} : context.history.imagesOf(name, this.before.desired);
    this.#revision = this.before?.revision ?? 0;
  }

  /** That the stack is at, as far as this attempt goes. */
  get revision(): number {
    return this.#revision;
  }

  /** The state that is tried, once it is accepted. */
  get tried(): StackRecord | null {
    return this.#tried;
  }

  /** Has what a request desires accepted, as the state to try. */
  async accept(request: StackRequest): Promise<StackRecord> {
    return this.#try(await this.#context.states.accept(this.#name, request));
  }

  /** The same of a state whose contents are kept. */
  async put(desired: Desired, source: Source, title: string): Promise<StackRecord> {
    return this.#try(await this.#context.states.put(this.#name, desired, source, title, { trial: true }));
  }

  /** After an image was pulled: where its name stands for another one by now than what runs was made from, the same state is tried as a revision of its own. Answers that; null: as before. */
  async renew(options: PassOptions): Promise<number | null> {
    const { parts, states, history } = this.#context;
    const tried = this.#tried;
    if (tried === null || this.before?.revision !== tried.revision || parts.stacks.get(this.#name)?.revision !== tried.revision || !history.hasMoved(this.#name, tried.desired, options)) return null;
    return this.#try(await states.put(this.#name, tried.desired, tried.source, 'up', { renewed: true, trial: true, images: () => this.#images })).revision;
  }

  /** Makes the stack what was accepted, by `work`; takes that back where it fails before it has changed anything. */
  async run(onEvent: (event: PassEvent) => void, work: (onEvent: (event: PassEvent) => void) => Promise<void>): Promise<void> {
    const { stacks } = this.#context.parts;
    try {
      await work(atFirstChange(onEvent, () => stacks.stands(this.#name)));
      stacks.stands(this.#name);
    } catch (error) {
      if (stacks.former(this.#name).length === 0 && this.#hasTraces()) stacks.stands(this.#name); // what was desired before is not known, or a run of a schedule has begun meanwhile
      if (!isCancelled(error) || (error instanceof PassFailed && error.left)) await this.#withdraw();
      this.#look();
      throw error;
    }
  }

  /** The attempt has failed: goes back where that is asked for (`whole`: of the whole stack). Answers what to throw. */
  async goBack(error: unknown, whole: boolean, onEvent: (event: PassEvent) => void): Promise<unknown> {
    this.#look();
    if (this.#tried === null || !(error instanceof BayplanError)) return error;
    const back = await this.#context.goingBack.after(error, { record: this.#tried, before: this.#standing, fresh: this.#fresh, whole }, onEvent);
    if (back === null) return error;
    this.#revision = back.revision;
    return new BayplanError(error.code, `${error.message}\n${back.text}`);
  }

  #try(record: StackRecord): StackRecord {
    this.#tried = record;
    this.#revision = record.revision;
    return record;
  }

  /** What was tried may have been taken back, or the stack may be gone. */
  #look(): void {
    this.#revision = Math.min(this.#revision, this.#context.parts.stacks.get(this.#name)?.revision ?? 0);
  }

  async #withdraw(): Promise<void> {
    const { stacks, report } = this.#context.parts;
    const revision = this.#tried?.revision ?? 0;
    await stacks.withdraw(this.#name, revision).catch((why: unknown) => report(`stack ${this.#name}: nothing was made of revision ${revision}, and yet it stays: ${String(why)}`));
  }

  /** Whether a container of the stack is there, or a record of it that cannot be read: it was something before, whatever is known of that. */
  #hasTraces(): boolean {
    const { asides, containers } = this.#context.parts;
    return asides.list().some(({ stack }) => stack === this.#name) || [...containers.list().values()].some(({ identity }) => identity.stack === this.#name);
  }
}
