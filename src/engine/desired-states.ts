import { BayplanError } from '../state/bayplan-error.ts';
import type { Identity } from '../state/container.ts';
import type { Content } from '../state/content.ts';
import type { Source, StackRequest } from '../state/messages.ts';
import { USUAL_PASS } from '../state/pass-options.ts';
import type { Desired } from '../state/state.ts';
import type { EngineParts } from './engine-parts.ts';
import { withoutRemoved } from './removed-replicas.ts';
import { resolveContents, type ResolvedContents } from './resolve-contents.ts';
import type { StackHistory } from './stack-history.ts';
import { DOWN, type StackRecord } from './stack-record.ts';
import type { Acceptance } from './stack-store.ts';

/** What is desired of the stacks, and the contents that it names: these are kept before the state that names them, and until none does. */
export class DesiredStates {
  readonly #parts: Pick<EngineParts, 'stacks' | 'contents' | 'containers'>;
  readonly #history: StackHistory;
  readonly #busy: (stack: string) => boolean;
  /** Requests whose contents are kept, and not yet named by a desired state. */
  #admitting = 0;

  /** `busy`: whether a pass over a stack is under way. */
  constructor(parts: Pick<EngineParts, 'stacks' | 'contents' | 'containers'>, history: StackHistory, busy: (stack: string) => boolean) {
    this.#parts = parts;
    this.#history = history;
    this.#busy = busy;
  }

  /** What a request desires, with the digests of its contents. Throws as resolveContents does. */
  resolve(name: string, request: StackRequest): ResolvedContents {
    return resolveContents(request, this.#parts.contents, this.#parts.stacks.list().filter((other) => other.name !== name).map(({ desired }) => desired));
  }

  /** Keeps the contents of a request, at least until `use` of what it desires has ended. */
  async admit<T>(name: string, request: StackRequest, use: (desired: Desired) => Promise<T>): Promise<T> {
    this.#admitting++;
    try {
      const { desired, bytes } = this.resolve(name, request);
      await this.#parts.contents.keep(bytes);
      return await use(desired);
    } finally {
      this.#admitting--;
    }
  }

  /** Keeps what a request desires, which stands once something is made of it. */
  async accept(name: string, request: StackRequest): Promise<StackRecord> {
    return await this.admit(name, request, async (desired) => {
      const renewed = !this.#busy(name) && this.#history.hasMoved(name, desired, request.options ?? USUAL_PASS); // else who asks for the same joins it
      return await this.put(name, desired, request.source, 'up', { base: request.base, from: request.from, renewed, trial: true });
    });
  }

  /** Keeps a desired state whose contents are kept. */
  async put(name: string, desired: Desired, source: Source, title: string, how: Partial<Pick<Acceptance, 'base' | 'from' | 'renewed' | 'trial' | 'images'>> = {}): Promise<StackRecord> {
    return await this.#parts.stacks.put(name, desired, { images: (of) => this.#history.imagesOf(name, of), ...how, source, title, at: Date.now() });
  }

  /** Writes down that a stack goes down. On a full disk it goes down without that: it is what makes room. */
  async putDown(before: StackRecord, nothing: Desired): Promise<StackRecord> {
    try {
      return await this.put(before.name, nothing, before.source, DOWN);
    } catch (error) {
      if (error instanceof BayplanError && error.code === 'disk-full') return before;
      throw error;
    }
  }

  /** What a person has removed is no longer asked for, until it is brought up again: services with their last container, else replicas. */
  async forget(name: string, removed: readonly Identity[]): Promise<void> {
    for (;;) {
      const record = this.#parts.stacks.get(name);
      if (record === null) return;
      const left = [...this.#parts.containers.list().values()].flatMap(({ identity }) => (identity.stack === name && identity.owner === 'stack' ? [identity] : []));
      const kept = withoutRemoved(record.desired, removed, left);
      if (kept === record.desired) return;
      try {
        return void await this.put(name, kept, record.source, 'rm', { base: record.revision, from: null });
      } catch (error) {
        if (!(error instanceof BayplanError && error.code === 'conflict')) throw error; // else another removal was quicker: the same of what is desired by now
      }
    }
  }

  /** Removes contents that no stack desires, or has a way back to, and no container was made with; nothing while a former revision cannot be read, which may name it. */
  collectContents(): void {
    if (this.#admitting > 0) return; // whoever comes last does it
    const { stacks, contents, containers } = this.#parts;
    const given = [...containers.list().values()].flatMap(({ spec }) => spec.contents);
    const now = new Set([...contentsOf(stacks.list()), ...given].map(({ digest }) => digest));
    if (contents.unused(now).length === 0 || !stacks.formerAreWhole()) return; // the second only then: it reads them
    contents.collect(new Set([...now, ...contentsOf(stacks.allFormer()).map(({ digest }) => digest)]));
  }
}

function contentsOf(records: readonly Pick<StackRecord, 'desired'>[]): readonly Content[] {
  return records.flatMap(({ desired }) => Object.values(desired.contents));
}
