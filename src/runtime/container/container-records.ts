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

  /** Makes the records durable that were written since the last time: their bytes, then, with one journal commit for all, their names. */
  async flush(): Promise<void> {
    const records = [...this.#unsynced];
    this.#unsynced.clear();
    if (records.length > 0) await this.#kernel.sync([...records, this.#paths.containers]);
  }
}
