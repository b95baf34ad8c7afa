import { mkdirSync } from 'node:fs';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Zone } from './zone.ts';

/**
 * Zone files, one a network, replaced by rename. Many changes at once to one network become few writes: a write that has not begun yet
 * serves all who wait.
 */
export class ZoneFiles {
  readonly #folder: string;
  readonly #zones = new Map<string, Zone>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #waiting = new Map<string, Promise<void>>();

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    this.#folder = folder;
  }

  /** What the file is written from. */
  zone(id: string): Zone {
    const zone = this.#zones.get(id) ?? new Zone();
    this.#zones.set(id, zone);
    return zone;
  }

  path(id: string): string {
    return join(this.#folder, id);
  }

  /** Resolves once the file holds what was so when it was called, or later. */
  write(id: string): Promise<void> {
    const waiting = this.#waiting.get(id);
    if (waiting !== undefined) return waiting;
    const before = this.#running.get(id) ?? Promise.resolve();
    // The one before reports its own failure to those who wait for it.
    const next = before.then(() => undefined, () => undefined).then(() => {
      this.#waiting.delete(id);
      const writing = this.#replace(id);
      this.#running.set(id, writing);
      return writing;
    });
    this.#waiting.set(id, next);
    return next;
  }

  async remove(id: string): Promise<void> {
    await this.#running.get(id);
    this.#running.delete(id);
    this.#zones.delete(id);
    await rm(this.path(id), { force: true });
  }

  /** Removes all files but those of `ids`. */
  async keepOnly(ids: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.#folder)) if (!ids.has(name)) await rm(join(this.#folder, name), { force: true });
  }

  async #replace(id: string): Promise<void> {
    const temporary = `${this.path(id)}.tmp`;
    // Readable for the responders, which have no privileges.
    await writeFile(temporary, this.zone(id).text(), { mode: 0o644 });
    await rename(temporary, this.path(id));
  }
}
