import { createHmac, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { readRecord, syncFolder, writeRecord } from '../runtime/record.ts';
import { SetAsides } from '../runtime/set-aside.ts';

const KEY = 'key.json';
const KeyRecord = z.object({ version: z.literal(1), key: z.string().regex(/^[0-9a-f]{64}$/) });

/**
 * The bytes of configs and secrets: one file each, mode 0600, named by its digest. The digest is keyed, with a key of this root alone: without that
 * whoever reads a plan or a log could try out passwords against it.
 */
export class ContentStore {
  readonly #folder: string;
  /** Null: it is set aside. */
  readonly #key: Buffer | null;
  readonly #asides: SetAsides;

  private constructor(folder: string, key: string | null, asides: SetAsides) {
    this.#folder = folder;
    this.#key = key === null ? null : Buffer.from(key, 'hex');
    this.#asides = asides;
  }

  /** Opens the store, and makes its key where there is none. */
  static async open(folder: string, asides = new SetAsides()): Promise<ContentStore> {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, KEY);
    if (!existsSync(path)) await writeRecord(path, { version: 1, key: randomBytes(32).toString('hex') });
    const record = asides.read({ kind: 'contents', name: '', stack: null }, () => readRecord(path, KeyRecord, 1, 'put it back from a backup and restart the engine; until then no stack with configs or secrets can be brought up'));
    return new ContentStore(folder, record?.key ?? null, asides);
  }

  /** HMAC-SHA-256, 64 hex digits. Throws BayplanError where the key is set aside. */
  digest(bytes: Buffer): string {
    if (this.#key === null) {
      this.#asides.refuse('contents', '');
      throw new Error(`${this.#folder}: there is no key`);
    }
    return createHmac('sha256', this.#key).update(bytes).digest('hex');
  }

  has(digest: string): boolean {
    return /^[0-9a-f]{64}$/.test(digest) && existsSync(join(this.#folder, digest));
  }

  /** Keeps contents, by digest; durable once it resolves. */
  async keep(contents: ReadonlyMap<string, Buffer>): Promise<void> {
    const fresh = [...contents].filter(([digest]) => !this.has(digest));
    for (const [digest, bytes] of fresh) {
      const temporary = join(this.#folder, `${digest}.${randomBytes(4).toString('hex')}.tmp`);
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, join(this.#folder, digest));
    }
    if (fresh.length > 0) await syncFolder(this.#folder);
  }

  /** Names of what is kept and not among these, half written files included. */
  unused(used: ReadonlySet<string>): readonly string[] {
    return readdirSync(this.#folder).filter((name) => name !== KEY && !used.has(name));
  }

  /** Removes what is not used, and what a crash left half written; nothing while there are records that cannot be read, which may name it. */
  collect(used: ReadonlySet<string>): void {
    if (this.#asides.has('stack', 'container', 'contents')) return;
    for (const name of this.unused(used)) rmSync(join(this.#folder, name), { force: true });
  }
}
