import { renameSync, writeFileSync } from 'node:fs';
import type { Paths } from '../../state/paths.ts';
import type { Kernel } from '../kernel.ts';
import type { ContainerFiles } from './bundle-files.ts';
import type { ContainerRecord } from './record.ts';

/** Writes containers' records: each whole by rename, all made durable together, since one journal commit serves them all. */
export class ContainerRecords {
  readonly #paths: Paths;
  readonly #kernel: Kernel;
  /** Paths of records that are written and not yet on disk. */
  readonly #unsynced = new Set<string>();
  /** Resolves once the latest flush has ended. */
  #flushed: Promise<void> = Promise.resolve();

  constructor(paths: Paths, kernel: Kernel) {
    this.#paths = paths;
    this.#kernel = kernel;
  }

  /** Not durable before `flush`. */
  save(record: ContainerRecord, files: ContainerFiles): void {
    this.#unsynced.add(files.record);
    const temporary = `${files.record}.tmp`;
    writeFileSync(temporary, JSON.stringify(record), { mode: 0o600 });
    renameSync(temporary, files.record);
  }

  /** Makes the records durable that were written since the last time. One flush after the other: what one has begun with, the next may not call durable yet. */
  flush(): Promise<void> {
    const flushed = this.#flushed.then(() => this.#sync());
    this.#flushed = flushed.catch(() => undefined); // its failure is its caller's, and the next one tries again
    return flushed;
  }

  /** The records' bytes, then, with one journal commit for all, their names. */
  async #sync(): Promise<void> {
    const records = [...this.#unsynced];
    if (records.length === 0) return;
    this.#unsynced.clear();
    try {
      await this.#kernel.sync([...records, this.#paths.containers]);
    } catch (error) {
      for (const record of records) this.#unsynced.add(record);
      throw error;
    }
  }
}
