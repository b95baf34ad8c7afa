import { isDeepStrictEqual } from 'node:util';
import { membershipDrift } from './cgroup-drift.ts';
import { containerDrift, mendContainer } from './container-drift.ts';
import type { ContainerContext } from './container-context.ts';
import type { ContainerEntry } from './container-entry.ts';
import { freezerFolder } from './freezer.ts';
import { limitFolders } from './limit-drift.ts';

/** Where changes of a container that runs are noticed: folders of its limits, of its record, in the run folder; the process whose mounts are its own, and its network namespace, null where that is another's. */
export interface Places { readonly limits: readonly string[]; readonly state: string; readonly bundle: string; readonly pid: number; readonly netns: string | null }

export interface ContainerLooksContext {
  readonly context: ContainerContext;
  readonly entries: ReadonlyMap<string, ContainerEntry>;
  /** Does what changes a container, one thing after the other. Throws BayplanError `not-found`. */
  readonly alone: (name: string, work: (entry: ContainerEntry) => Promise<void>) => Promise<void>;
  /** Writes its record. */
  readonly save: (entry: ContainerEntry) => void;
  readonly flush: () => Promise<void>;
}

/** What of the containers that run is not as it was made: where that is noticed, what it is, and how it is put right. */
export class ContainerLooks {
  readonly #of: ContainerLooksContext;

  constructor(of: ContainerLooksContext) {
    this.#of = of;
  }

  /** Looks at one that runs; its status shows from then on what is not as it was made. */
  async look(name: string): Promise<void> {
    const entry = this.#of.entries.get(name);
    if (entry?.phase !== 'running') return;
    const { shim } = entry;
    const drift = await containerDrift(this.#of.context, entry);
    if (entry.shim !== shim || isDeepStrictEqual(drift, entry.drift)) return; // it has ended or was started again meanwhile
    Object.assign(entry, { drift, view: null });
  }

  /** Puts right what of that can be put right while it runs. */
  async mend(name: string): Promise<void> {
    const { context, alone, save, flush } = this.#of;
    await alone(name, async (entry) => {
      await mendContainer(context, entry, () => save(entry));
      await flush();
    });
  }

  /** Null: it does not run. */
  places(name: string): Places | null {
    const entry = this.#of.entries.get(name);
    if (entry?.phase !== 'running' || entry.ready === null) return null;
    const { record: { spec: { networkMode } }, files, ready } = entry;
    const freezer = freezerFolder(files.cgroup);
    return { limits: [...new Set([...limitFolders(files.cgroup), ...(freezer === null ? [] : [freezer])])], state: files.state, bundle: files.bundle, pid: ready.pid, netns: networkMode === 'bridge' ? `/proc/${ready.pid}/ns/net` : null };
  }

  /** Whether its first process is in another cgroup than it was put into. */
  hasMoved(name: string): boolean {
    const entry = this.#of.entries.get(name);
    return entry?.phase === 'running' && entry.ready !== null && entry.record.runtime === 'bayplan' && membershipDrift(entry.ready.pid, entry.files.cgroup).length > 0;
  }
}
