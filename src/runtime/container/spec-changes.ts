import type { ContainerChanges, Grant } from '../../state/container.ts';
import { changedSpec, changeSpec, type ChangeParts, finishSpec } from './change-spec.ts';
import type { ContainerContext } from './container-context.ts';
import type { ContainerEntry } from './container-entry.ts';
import type { ExecProcess, ExecRequest } from './containers.ts';
import { PendingChanges } from './pending-changes.ts';
import type { ContainerRecord } from './record.ts';
import { runHook } from './run-hook.ts';

/** So long what follows a change of contents may take. */
const ON_CHANGE_MS = 30_000;

export interface SpecChangesContext {
  readonly context: ContainerContext;
  readonly entries: ReadonlyMap<string, ContainerEntry>;
  /** Does what changes a container, one thing after the other. Throws BayplanError `not-found`. */
  readonly alone: (name: string, work: (entry: ContainerEntry) => Promise<void>) => Promise<void>;
  readonly update: (entry: ContainerEntry, change: Partial<ContainerRecord>) => void;
  readonly signal: (entry: ContainerEntry, signal: string) => Promise<void>;
  readonly exec: (name: string, request: ExecRequest) => Promise<ExecProcess>;
  readonly updated: (name: string) => void;
}

/** Changes of containers in place: of limits, contents and what is only written down. */
export class SpecChanges {
  readonly #of: SpecChangesContext;
  /** Those that an engine before this one had begun. */
  readonly pending = new PendingChanges();

  constructor(of: SpecChangesContext) {
    this.#of = of;
  }

  async make(name: string, changes: ContainerChanges): Promise<void> {
    await this.#of.alone(name, (entry) => changeSpec(entry, changedSpec(entry, changes), this.#parts(entry)));
    this.#of.updated(name);
  }

  /** Begins to finish what was begun before: what follows takes its time, which nobody waits for but who wants to change something of the same stack (`pending`). */
  finish(): void {
    for (const [name, { record }] of this.#of.entries) {
      if (record.pending === null) continue;
      const work = this.#of.alone(name, (entry) => finishSpec(entry, this.#parts(entry))).then(() => this.#of.updated(name));
      this.pending.add(record.identity.stack, work.catch((error: unknown) => this.#of.context.report(error instanceof Error ? error.message : String(error))));
    }
  }

  #parts(entry: ContainerEntry): ChangeParts {
    const { context: { core, paths }, update } = this.#of;
    return { core, contents: paths.contents, update: (change) => update(entry, change), tellings: (changed) => this.#tellings(entry, changed) };
  }

  /** What follows several contents alike follows once. */
  #tellings(entry: ContainerEntry, changed: readonly Grant[]): readonly (() => Promise<void>)[] {
    const { name } = entry.record;
    const all = new Map(changed.flatMap(({ onChange }) => (onChange === null ? [] : [[JSON.stringify(onChange), onChange]])));
    return [...all.values()].flatMap(({ signal, exec }) => [
      ...(signal === '' ? [] : [() => this.#of.signal(entry, signal)]),
      ...(exec.length === 0 ? [] : [() => runHook((request) => this.#of.exec(name, request), `container ${name}: its on_change "${exec.join(' ')}"`, { command: exec, user: '', privileged: false, workingDir: '', environment: [] }, ON_CHANGE_MS)]),
    ]);
  }
}
