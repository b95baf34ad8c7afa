import { bootOf } from '../plan/boot.ts';
import type { Operation } from '../state/operation.ts';
import { USUAL_PASS } from '../state/pass-options.ts';
import type { EngineParts } from './engine-parts.ts';
import { actualState } from './observe.ts';
import type { StackHistory } from './stack-history.ts';
import { PassFailed, type StackPasses } from './stack-passes.ts';
import { DOWN, isDown, type StackRecord } from './stack-record.ts';
import { pinned } from './way-back.ts';

export interface ResumptionContext {
  readonly parts: EngineParts;
  readonly passes: StackPasses;
  readonly history: StackHistory;
  /** What was cut off has failed, now that it was gone on with. */
  readonly failed: (record: StackRecord, failure: PassFailed) => Promise<void>;
  /** A stack has been forgotten. */
  readonly forgotten: () => void;
}

/** Goes on with what was accepted and not finished: by a boot, by the end of an engine, or by an operation that came between. */
export class Resumption {
  readonly #context: ResumptionContext;

  constructor(context: ResumptionContext) {
    this.#context = context;
  }

  /** Brings the stacks back after a boot, and goes on with what it has cut off: a `down` too. Answers which; each takes its time. */
  boot(): ReadonlySet<string> {
    const names = new Set<string>();
    for (const record of this.#context.parts.stacks.list()) {
      names.add(record.name);
      void this.#boot(record).catch((error: unknown) => this.#context.parts.report(`stack ${record.name}, after the boot: ${error instanceof Error ? error.message : String(error)}`));
    }
    return names;
  }

  /** Goes on with what the end of the engine before has cut off, a `down` too; nobody waits for it. */
  goOn(): void {
    const records = new Map(this.#context.parts.stacks.list().map((record) => [record.name, record]));
    for (const [name, { revision, options }] of this.#context.passes.interrupted()) {
      const record = records.get(name);
      if (record?.revision !== revision) {
        this.#context.passes.forgetInterrupted(name);
        continue;
      }
      const pass = this.#context.passes.reconcile(name, record, { ...options, recreate: 'changed' }, {}, () => undefined, { title: isDown(record) ? DOWN : 'up' });
      pass.then(() => this.#forgetIfDown(record)).catch(async (error: unknown) => {
        if (error instanceof PassFailed && error.cancelled) return;
        this.#context.parts.report(`stack ${name}, going on with what was cut off: ${error instanceof Error ? error.message : String(error)}`);
        if (this.#hasNoTrace(record)) await this.#forget(record);
        else if (error instanceof PassFailed) await this.#context.failed(record, error);
      }).catch((error: unknown) => this.#context.parts.report(`stack ${name}: ${String(error)}`));
    }
  }

  /** Goes on with what an operation has kept a pass from: that is desired all the same, but for what somebody wants stopped or removed. Nobody waits for it. */
  after(name: string, { verb, services }: Operation): void {
    const record = this.#context.parts.stacks.get(name);
    if (record === null || isDown(record)) return;
    const left = this.#context.passes.takeUnfinished(name);
    if (left === null || left.revision === null) return;
    const desired = left.revision === record.revision ? left.desired : record.desired; // the operation has removed services
    const held = [...this.#context.parts.containers.list()].flatMap(([container, { identity, status }]) => (identity.stack === name && identity.owner === 'stack' && status?.held === true ? [container] : []));
    const unwanted = (service: string): boolean => (['stop', 'remove'].includes(verb) && (services.length === 0 || services.includes(service)));
    const only = Object.keys(desired.services).filter((service) => !unwanted(service) && left.options.only?.includes(service) !== false).sort();
    if (only.length === 0) return;
    this.#context.passes.reconcile(name, { desired, revision: record.revision }, { ...left.options, recreate: 'changed', only, left: [...new Set([...left.options.left, ...held])] }, {}, () => undefined, { title: 'up' }).catch((error: unknown) => {
      if (!(error instanceof PassFailed && error.cancelled)) this.#context.parts.report(`stack ${name}, going on after ${verb}: ${error instanceof Error ? error.message : String(error)}`);
    });
  }

  async #boot(record: StackRecord): Promise<void> {
    const { name, revision } = record;
    const down = isDown(record);
    try {
      const { desired, left } = bootOf(pinned({ desired: record.desired, images: this.#context.history.imagesOf(name, record.desired) }), actualState(name, record.desired, this.#context.parts), Date.now());
      await this.#context.passes.reconcile(name, { desired, revision }, { ...USUAL_PASS, left: down ? [] : [...left] }, {}, () => undefined, { title: 'boot' });
      await this.#forgetIfDown(record);
    } finally {
      this.#context.parts.supervisor.adopt(({ identity, status }) => identity.owner !== 'stack' || identity.stack !== name || status?.phase === 'running' || (status?.restartAt ?? 0) > 0); // what has not come back does as its policy says
    }
  }

  /** Nothing is known any more of a stack that was taken down. */
  async #forgetIfDown(record: StackRecord): Promise<void> {
    if (isDown(record)) await this.#forget(record);
  }

  async #forget({ name, revision }: StackRecord): Promise<void> {
    await this.#context.parts.stacks.remove(name, revision);
    this.#context.forgotten();
  }

  /** Whether nothing is there that was made of the stack: what its store knew of that has ended with the engine before. */
  #hasNoTrace({ name, desired }: StackRecord): boolean {
    const { containers, networks } = actualState(name, desired, this.#context.parts);
    return this.#context.parts.stacks.former(name).length === 0 && Object.keys(containers).length === 0 && Object.values(networks).every(({ stack }) => stack !== name);
  }
}
