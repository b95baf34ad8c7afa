import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readRecord, writeRecord } from '../runtime/record.ts';
import { RevisionRecord, STACK_RECORD_VERSION } from './stack-record.ts';

/** Of each stack so many are kept beside the one that is desired now. */
export const KEPT_REVISIONS = 10;

/** The revisions that a stack had before, of the stack whose folder it is. */
export class Revisions {
  readonly #folder: string;
  readonly #records: RevisionRecord[] = [];

  /** Reads what is there. What cannot be read is told to `report` and passed over: nothing but a way back depends on it. */
  constructor(stackFolder: string, report: (line: string) => void) {
    this.#folder = join(stackFolder, 'revisions');
    for (const revision of this.#files()) {
      try {
        this.#records.push(readRecord(this.#path(revision), RevisionRecord, STACK_RECORD_VERSION));
      } catch (error) {
        report(`a former revision cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    this.#records.sort((a, b) => a.revision - b.revision);
  }

  /** The highest number that any has, readable or not; 0: there is none. */
  last(): number {
    return Math.max(0, ...this.#files());
  }

  /** Oldest first. */
  list(): readonly RevisionRecord[] {
    return this.#records;
  }

  /** Durable once the promise resolves; the oldest go. */
  async keep(record: RevisionRecord): Promise<void> {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    await writeRecord(this.#path(record.revision), record);
    const known = this.#records.findIndex(({ revision }) => revision === record.revision); // kept, and then the next one could not be
    if (known >= 0) this.#records.splice(known, 1);
    this.#records.push(record);
    for (const { revision } of this.#records.splice(0, Math.max(0, this.#records.length - KEPT_REVISIONS))) await rm(this.#path(revision), { force: true });
  }

  #files(): readonly number[] {
    return (existsSync(this.#folder) ? readdirSync(this.#folder) : []).flatMap((file) => (/^\d+\.json$/.test(file) ? [Number.parseInt(file, 10)] : []));
  }

  #path(revision: number): string {
    return join(this.#folder, `${revision}.json`);
  }
}
