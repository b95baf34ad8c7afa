import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readRecord, writeRecord } from '../runtime/record.ts';
import { RevisionRecord, STACK_RECORD_VERSION } from './stack-record.ts';

/** Of each stack so many are kept beside the one that is desired now. */
export const KEPT_REVISIONS = 10;

/** The revisions that a stack had before, of the stack whose folder it is. Each is read when somebody asks, and once: an engine's start does without. */
export class Revisions {
  readonly #folder: string;
  readonly #report: (line: string) => void;
  /** By number; null: it cannot be read. */
  readonly #read = new Map<number, RevisionRecord | null>();

  /** What cannot be read is told to `report` and passed over: nothing but a way back depends on it. */
  constructor(stackFolder: string, report: (line: string) => void) {
    this.#folder = join(stackFolder, 'revisions');
    this.#report = report;
  }

  /** The highest number that any has, readable or not; 0: there is none. */
  last(): number {
    return Math.max(0, ...this.#numbers());
  }

  /** Oldest first. */
  list(): readonly RevisionRecord[] {
    return this.#numbers().flatMap((revision) => this.#record(revision) ?? []);
  }

  /** Whether all can be read: else what they name is not known. */
  whole(): boolean {
    return this.#numbers().every((revision) => this.#record(revision) !== null);
  }

  /** Durable once the promise resolves; the oldest go. */
  async keep(record: RevisionRecord): Promise<void> {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    await writeRecord(this.#path(record.revision), record);
    this.#read.set(record.revision, record);
    for (const revision of this.#numbers().slice(0, -KEPT_REVISIONS)) await this.#drop(revision);
  }

  /** It is the stack's own again, and nothing was made of what came after it. */
  async dropFrom(first: number): Promise<void> {
    for (const revision of this.#numbers().filter((number) => number >= first)) await this.#drop(revision);
  }

  async #drop(revision: number): Promise<void> {
    await rm(this.#path(revision), { force: true });
    this.#read.delete(revision);
  }

  #record(revision: number): RevisionRecord | null {
    const known = this.#read.get(revision);
    if (known !== undefined) return known;
    let record: RevisionRecord | null = null;
    try {
      record = readRecord(this.#path(revision), RevisionRecord, STACK_RECORD_VERSION);
    } catch (error) {
      this.#report(`a former revision cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.#read.set(revision, record);
    return record;
  }

  /** Of those that there are, the lowest first. */
  #numbers(): readonly number[] {
    return (existsSync(this.#folder) ? readdirSync(this.#folder) : []).flatMap((file) => (/^\d+\.json$/.test(file) ? [Number.parseInt(file, 10)] : [])).sort((a, b) => a - b);
  }

  #path(revision: number): string {
    return join(this.#folder, `${revision}.json`);
  }
}
