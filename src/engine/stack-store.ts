import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { BayplanError } from '../state/bayplan-error.ts';
import { Source } from '../state/messages.ts';
import { Desired } from '../state/state.ts';
import { KeyedMutex } from '../runtime/container/mutex.ts';
import { readRecord, syncFolder, writeRecord } from '../runtime/record.ts';

/** A stack's desired state as it was last accepted: `stacks/<name>/desired.json`. Its revision grows by one with each. */
export const StackRecord = z.object({
  version: z.literal(1),
  name: z.string(),
  revision: z.int().positive(),
  source: Source,
  desired: Desired,
});
export type StackRecord = z.infer<typeof StackRecord>;

/** Desired states, durable before they are acknowledged. */
export class StackStore {
  readonly #folder: string;
  readonly #records = new Map<string, StackRecord>();
  readonly #mutex = new KeyedMutex();

  /** Reads what is there. Throws BayplanError for a record that is damaged or of a newer version. */
  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(folder)) {
      try {
        this.#records.set(name, readRecord(this.#path(name), StackRecord, 1));
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
        rmSync(join(folder, name), { recursive: true }); // made, or removed, just before a crash: it was never acknowledged, or is gone already
      }
    }
  }

  list(): readonly StackRecord[] {
    return [...this.#records.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get(name: string): StackRecord | null {
    return this.#records.get(name) ?? null;
  }

  /** Keeps a desired state as the stack's next revision. `base`: the revision it was made from, checked where it is not null. */
  async put(name: string, source: Source, desired: Desired, base: number | null): Promise<StackRecord> {
    return this.#mutex.run(name, () => this.#put(name, source, desired, base));
  }

  async #put(name: string, source: Source, desired: Desired, base: number | null): Promise<StackRecord> {
    const before = this.#records.get(name);
    if (base !== null && base !== (before?.revision ?? 0)) {
      throw new BayplanError('conflict', `stack ${name}: it is at revision ${before?.revision ?? 0}, this change was made from ${base}: plan again`);
    }
    if (before !== undefined && JSON.stringify([before.desired, before.source]) === JSON.stringify([desired, source])) return before;
    const record: StackRecord = { version: 1, name, revision: (before?.revision ?? 0) + 1, source, desired };
    mkdirSync(join(this.#folder, name), { recursive: true, mode: 0o700 });
    await writeRecord(this.#path(name), record);
    this.#records.set(name, record);
    return record;
  }

  /** Forgets a stack, unless it has a newer revision than `revision` by now. */
  async remove(name: string, revision: number): Promise<void> {
    await this.#mutex.run(name, async () => {
      if (this.#records.get(name)?.revision !== revision) return;
      await rm(join(this.#folder, name), { recursive: true, force: true });
      this.#records.delete(name);
      await syncFolder(this.#folder);
    });
  }

  #path(name: string): string {
    return join(this.#folder, name, 'desired.json');
  }
}
