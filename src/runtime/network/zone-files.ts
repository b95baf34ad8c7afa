import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Zone } from './zone.ts';

/** Which file is there, by what changes with each change of it. */
interface Stamp { readonly ino: bigint; readonly mtimeNs: bigint; readonly size: bigint }

/**
 * Zone files, one a network, replaced by rename. Many changes at once to one network become one write, at the end of the event loop's turn.
 */
export class ZoneFiles {
  readonly #folder: string;
  readonly #zones = new Map<string, Zone>();
  readonly #waiting = new Map<string, Promise<void>>();
  /** What was written last; from the first look at it on, what it is known by. */
  readonly #written = new Map<string, string | Stamp>();

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

  /** Resolves once the file holds what is so at the end of this turn. */
  write(id: string): Promise<void> {
    const waiting = this.#waiting.get(id) ?? new Promise((resolve, reject) => {
      setImmediate(() => {
        this.#waiting.delete(id);
        try {
          resolve(this.#replace(id));
        } catch (error) {
          reject(error);
        }
      });
    });
    this.#waiting.set(id, waiting);
    return waiting;
  }

  /** How the file is not as it was written; null: it is, or is about to be written. */
  changed(id: string): string | null {
    const written = this.#written.get(id);
    if (written === undefined || this.#waiting.has(id)) return null;
    const stat = statSync(this.path(id), { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) return 'no such file';
    if (typeof written !== 'string') return stat.ino === written.ino && stat.mtimeNs === written.mtimeNs && stat.size === written.size ? null : 'another text';
    if (!stat.isFile() || readFileSync(this.path(id), 'utf8') !== written) return 'another text';
    this.#written.set(id, { ino: stat.ino, mtimeNs: stat.mtimeNs, size: stat.size });
    return null;
  }

  /** Writes it again where it is not as it was written, its folder too. */
  async mend(id: string): Promise<void> {
    if (this.changed(id) === null) return;
    mkdirSync(this.#folder, { recursive: true, mode: 0o755 });
    if (!(statSync(this.path(id), { throwIfNoEntry: false })?.isFile() ?? true)) await rm(this.path(id), { recursive: true });
    await this.write(id);
  }

  async remove(id: string): Promise<void> {
    await this.#waiting.get(id)?.catch(() => undefined); // it is told to whoever asked for it
    this.#written.delete(id);
    this.#zones.delete(id);
    await rm(this.path(id), { force: true });
  }

  /** Removes all files but those of `ids`. */
  async keepOnly(ids: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.#folder)) if (!ids.has(name)) await rm(join(this.#folder, name), { force: true });
  }

  #replace(id: string): void {
    const [temporary, text] = [`${this.path(id)}.tmp`, this.zone(id).text()];
    // Readable for the responders, which have no privileges. In memory: to hand this to libuv's threads, four times, takes longer than to do it.
    writeFileSync(temporary, text, { mode: 0o644 });
    renameSync(temporary, this.path(id));
    this.#written.set(id, text);
  }
}
