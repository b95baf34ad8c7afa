import type { ContainerContext } from './container-context.ts';
import type { ContainerEntry } from './container-entry.ts';
import { deleteCgroup } from './core-process.ts';
import { findProcess, readExit } from './find-process.ts';
import type { ExitRecord } from './record.ts';
import type { ShimClient } from './shim-client.ts';

/** Who is told. `ended`: with null where no end was recorded. `outOfMemory`: a process of it was killed for that; it may run on. */
export interface ShimWatcher {
  readonly context: Pick<ContainerContext, 'kernel' | 'core' | 'report'>;
  readonly ended: (entry: ContainerEntry, exit: ExitRecord | null) => void;
  readonly outOfMemory: (entry: ContainerEntry) => void;
}

/** Watches the shims of running containers, and notices their ends: none before `resume`, none after `close`. */
export class ShimWatch {
  readonly #watcher: ShimWatcher;
  readonly #watched = new Set<ShimClient>();
  readonly #resumed: Promise<void>;
  #resume: () => void = () => undefined;
  #closed = false;

  constructor(watcher: ShimWatcher) {
    this.#watcher = watcher;
    this.#resumed = new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  /** Ends count from now on, those of before included: whoever has to act on them knows the containers by now. */
  resume(): void {
    this.#resume();
  }

  /** A container runs with this shim. */
  watch(entry: ContainerEntry, shim: ShimClient): void {
    Object.assign(entry, { shim, phase: 'running', view: null });
    if (entry.record.spec.resources.memory !== null) this.#listen(entry, shim);
    this.#watched.add(shim);
    if (this.#closed) shim.close(); // it was found after another one had kept the engine from opening
    entry.ended = shim.gone.then(async () => {
      this.#watched.delete(shim);
      await this.#resumed;
      if (!this.#closed && entry.shim === shim) await this.#gone(entry);
    });
  }

  /** Lets go of all shims; the containers go on. */
  close(): void {
    this.#closed = true;
    for (const shim of this.#watched) shim.close();
  }

  /** Notices at once what its end would tell too: that a process of it was killed for want of memory. */
  #listen(entry: ContainerEntry, shim: ShimClient): void {
    shim.listen((event) => {
      if (event !== 'oom' || entry.shim !== shim) return;
      Object.assign(entry, { oomKilled: true, view: null });
      this.#watcher.outOfMemory(entry);
    }).catch(() => undefined); // it has ended meanwhile: that is noticed by itself
  }

  /** The connection to a shim has ended. Without an exit file that need not be the shim's end: only a lock that is free proves it. */
  async #gone(entry: ContainerEntry): Promise<void> {
    const { context: { kernel, core, report }, ended } = this.#watcher;
    let exit = readExit(entry.files);
    try {
      const found = exit === null ? await findProcess(kernel, entry.files) : null;
      if (found?.state === 'running') {
        this.watch(entry, found.shim);
        return await entry.ended;
      }
      if (found?.state === 'exited') exit = found.exit;
      if (found?.state === 'none') await deleteCgroup(core, entry.files.cgroup);
    } catch (error) {
      report(`${entry.record.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
    ended(entry, exit);
  }
}
