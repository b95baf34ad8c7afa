import { plan } from '../plan/plan.ts';
import { type Asker, ExclusiveRunner } from '../reconcile/exclusive.ts';
import type { Executor } from '../reconcile/executor.ts';
import { runPass, type PassContext, type PassResult } from '../reconcile/pass.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { PassEvent } from '../state/messages.ts';
import type { PassOptions } from '../state/pass-options.ts';
import type { CredentialsByHost } from '../state/registry-credentials.ts';
import type { Desired } from '../state/state.ts';
import type { EngineParts } from './engine-parts.ts';
import { actualState } from './observe.ts';

/** Steps of one stack that run at the same time. */
const CONCURRENCY = 16;

/** Carries out steps on behalf of whoever has these credentials. */
export type ExecutorFor = (credentials: CredentialsByHost) => Executor;

/** What a pass over a stack does, and on whose behalf it asks registries. */
export interface Work { readonly name: string; readonly desired: Desired | null; readonly planned: PassContext['plan']; readonly credentials: CredentialsByHost }

/** The passes over the stacks of an engine, one at a time of each. */
export class StackPasses {
  readonly #parts: EngineParts;
  readonly #executor: ExecutorFor;
  readonly #runner = new ExclusiveRunner<PassResult, PassEvent>();
  /** Of the latest pass over each stack that has not ended: services that it is about, null: all. */
  readonly #scopes = new Map<string, Pick<PassOptions, 'only'>>();

  constructor(parts: EngineParts, executor: ExecutorFor) {
    this.#parts = parts;
    this.#executor = executor;
  }

  /** Whether a pass over the stack is under way. */
  busy(stack: string): boolean {
    return this.#runner.has(stack);
  }

  /**
   * Makes a stack what is desired. `revision`: of the desired state, null: it is kept nowhere; what was accepted before another one takes nothing over from that. Rejects with PassFailed.
   */
  async reconcile(name: string, { desired, revision }: { readonly desired: Desired; readonly revision: number | null }, options: PassOptions, credentials: CredentialsByHost, onEvent: (event: PassEvent) => void, by: Asker): Promise<void> {
    const latest = this.#parts.stacks.get(name);
    if (revision !== null && latest?.revision !== revision) throw new PassFailed({ ok: false, cancelled: true, message: `cancelled: a later ${latest?.title ?? 'down'} of this stack took over` });
    this.#parts.networks.repair();
    const scope = { only: onlyOf(options.only, this.#scopes.get(name)) };
    this.#scopes.set(name, scope);
    const planned: PassContext['plan'] = (actual, now, since) => plan(desired, actual, now, since, { ...options, ...scope });
    try {
      await this.carryOut(name, JSON.stringify([desired, { ...options, ...scope }]), { name, desired, planned, credentials }, onEvent, by);
    } finally {
      if (this.#scopes.get(name) === scope) this.#scopes.delete(name);
    }
  }

  /** One pass at a time of each `key`; one of the same `fingerprint` is joined. Rejects with PassFailed. */
  async carryOut(key: string, fingerprint: string, { name, desired, planned, credentials }: Work, onEvent: (event: PassEvent) => void, by: Asker): Promise<void> {
    const result = await this.#runner.run(key, fingerprint, (passSignal, tell) => runPass({
      plan: planned, now: () => Date.now(), concurrency: CONCURRENCY, signal: passSignal, onEvent: tell,
      observe: () => Promise.resolve(actualState(name, desired, this.#parts)), executor: this.#executor(credentials),
    }).finally(() => this.#parts.supervisor.undrain(name)), (why) => ({ ok: false, cancelled: true, message: `cancelled: ${why}` }), { ...by, listener: onEvent });
    await this.#parts.containers.flush();
    if (!result.ok) throw new PassFailed(result);
  }

  /** Cancels all passes and waits until they have settled. */
  async close(): Promise<void> {
    await this.#runner.close();
  }
}

/** A pass that takes over from another one is about that one's services too: what it leaves undone is desired all the same. */
function onlyOf(only: PassOptions['only'], before: Pick<PassOptions, 'only'> | undefined): PassOptions['only'] {
  if (before === undefined || only === null) return only;
  return before.only === null ? null : [...new Set([...before.only, ...only])].sort();
}

/** A pass that did not come to its end. */
export class PassFailed extends BayplanError {
  readonly rollback: readonly string[];
  readonly cancelled: boolean;
  constructor({ message, rollback = [], cancelled }: PassResult) {
    super('pass-failed', message);
    this.rollback = rollback;
    this.cancelled = cancelled === true;
  }
}
