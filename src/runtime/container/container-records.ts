import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { Paths } from '../../state/paths.ts';
import type { Kernel } from '../kernel.ts';
import type { ContainerFiles } from './bundle-files.ts';
import { readRecord } from '../record.ts';
import { CONTAINER_RECORD_VERSION, ContainerRecord } from './record.ts';

/** How long after a container's own end that may be forgotten by a power cut. */
const SOON_MS = 50;

/**
 * Writes containers' records: each whole by rename, all made durable together, since one journal commit serves them all. Until then a record stands beside the one before, as `container.json.new`: a
 * power cut may leave its name without what it holds.
 */
export class ContainerRecords {
  readonly #paths: Paths;
  readonly #kernel: Kernel;
  readonly #report: (message: string) => void;
  /** Paths of what is written and not yet on disk → their names from then on. */
  readonly #unsynced = new Map<string, string>();
  /** Resolves once the latest flush has ended. */
  #flushed: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;

  constructor({ paths, kernel, report }: { readonly paths: Paths; readonly kernel: Kernel; readonly report: (message: string) => void }) {
    this.#paths = paths;
    this.#kernel = kernel;
    this.#report = report;
  }

  /** Not durable before `flush`. */
  save(record: ContainerRecord, files: ContainerFiles): void {
    this.#unsynced.set(files.fresh, files.record);
    const temporary = `${files.record}.tmp`;
    writeFileSync(temporary, JSON.stringify(record), { mode: 0o600 });
    renameSync(temporary, files.fresh);
  }

  /** What stands beside a record has changed: marks, the end of the process. Not durable before `flush`; with `soon` that comes by itself. */
  noted({ state, exit, fresh, record }: ContainerFiles, soon: boolean): void {
    this.#unsynced.set(fresh, record).set(exit, exit).set(state, state);
    if (soon) this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.flush().catch((error: unknown) => this.#report(`records of containers: ${error instanceof Error ? error.message : String(error)}`));
    }, SOON_MS);
  }

  /** Of a container that is gone nothing has to be durable. */
  forget({ fresh, exit, state }: ContainerFiles): void {
    for (const path of [fresh, exit, state]) this.#unsynced.delete(path);
  }

  /** Nothing comes by itself any more. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** Makes the records durable that were written since the last time. One flush after the other: what one has begun with, the next may not call durable yet. */
  flush(): Promise<void> {
    const flushed = this.#flushed.then(() => this.#sync());
    this.#flushed = flushed.catch(() => undefined); // its failure is its caller's, and the next one tries again
    return flushed;
  }

  /** The records' bytes, then, with one journal commit for all, their names. */
  async #sync(): Promise<void> {
    const written = new Map(this.#unsynced);
    if (written.size === 0) return;
    this.#unsynced.clear();
    try {
      await this.#kernel.sync([...written.keys(), this.#paths.containers]);
    } catch (error) {
      for (const [path, name] of written) this.#unsynced.set(path, name);
      throw error;
    }
    for (const [path, name] of written) if (path !== name && !this.#unsynced.has(path)) settle(path, name);
  }
}

/** The record of a container as it was written last. Throws as `readRecord`; ENOENT also where it had never come on disk for sure, and has not now. `remedy`: what to do with a damaged one. */
export function readLatest(files: ContainerFiles, remedy: string): ContainerRecord {
  const read = (path: string): ContainerRecord => readRecord(path, ContainerRecord, CONTAINER_RECORD_VERSION, remedy);
  if (!existsSync(files.fresh)) return read(files.record);
  try {
    return read(files.fresh);
  } catch (error) {
    if (!(error instanceof BayplanError && error.code === 'record-damaged') || existsSync(files.bundle)) throw error; // with a bundle no boot has come between: it is no power cut's work
    const record = read(files.record);
    rmSync(files.fresh, { force: true });
    return record;
  }
}

/** Gives a record that is on disk its name. What is gone meanwhile needs none. */
function settle(path: string, name: string): void {
  try {
    renameSync(path, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
