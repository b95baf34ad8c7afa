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
  readonly #runner = new ExclusiveRunner<PassResult>();

  constructor(parts: EngineParts, executor: ExecutorFor) {
    this.#parts = parts;
    this.#executor = executor;
  }

  /** Whether a pass over the stack is under way. */
  busy(stack: string): boolean {
    return this.#runner.has(stack);
  }

  /** Makes a stack what is desired. Rejects with PassFailed. */
  async reconcile(name: string, desired: Desired, options: PassOptions, credentials: CredentialsByHost, onEvent: (event: PassEvent) => void, by: Asker): Promise<void> {
    this.#parts.networks.repair();
    const planned: PassContext['plan'] = (actual, now, since) => plan(desired, actual, now, since, options);
    await this.carryOut(name, JSON.stringify([desired, options]), { name, desired, planned, credentials }, onEvent, by);
  }

  /** One pass at a time of each `key`; one of the same `fingerprint` is joined. Rejects with PassFailed. */
  async carryOut(key: string, fingerprint: string, { name, desired, planned, credentials }: Work, onEvent: (event: PassEvent) => void, by: Asker): Promise<void> {
    const result = await this.#runner.run(key, fingerprint, (passSignal) => runPass({
      plan: planned, now: () => Date.now(), concurrency: CONCURRENCY, signal: passSignal, onEvent,
      observe: () => Promise.resolve(actualState(name, desired, this.#parts)), executor: this.#executor(credentials),
    }).finally(() => this.#parts.supervisor.undrain(name)), (why) => ({ ok: false, cancelled: true, message: `cancelled: ${why}` }), by);
    await this.#parts.containers.flush();
    if (!result.ok) throw new PassFailed(result);
  }

  /** Cancels all passes and waits until they have settled. */
  async close(): Promise<void> {
    await this.#runner.close();
  }
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
