import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { open, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { BayplanError } from '../state/bayplan-error.ts';

const Versioned = z.looseObject({ version: z.int().positive() });

/**
 * A record's schema that reads earlier versions too: what they lack has a default. Of version 1 the fields that it has in common are kept, for it let others stand beside them. A record is strict
 * from version 2 on: raise the version with every field that is added anywhere in it, so that an engine from before calls it too new, and not damaged.
 */
export function readingEarlier<S extends z.ZodRawShape>(record: z.ZodObject<S>, version: number): z.ZodType<z.output<z.ZodObject<S>>> {
  return z.preprocess((value) => {
    const versioned = Versioned.safeParse(value);
    if (!versioned.success || versioned.data.version >= version) return value;
    const fields = Object.entries(versioned.data).filter(([field]) => versioned.data.version > 1 || Object.hasOwn(record.shape, field));
    return { ...Object.fromEntries(fields), version };
  }, record);
}

/**
 * Writes a record so that it is whole and durable once the promise resolves: temporary file, fsync, rename, fsync of the folder.
 * Two calls for one path must not run at the same time with different values: the last rename wins.
 */
export async function writeRecord<T extends { version: number }>(path: string, value: T): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(value)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch((left: NodeJS.ErrnoException) => {
      if (left.code !== 'ENOENT') throw left;
    });
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') {
      throw new BayplanError('disk-full', `${path}: no space left on device: free some, or take a stack down with "bayplan down"`, { retryable: true, cause: error });
    }
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Removes what a crash has left of records that were on their way into a folder, where there is one. */
export function sweepRecords(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) if (/\.json\.[0-9a-f]{8}\.tmp$/.test(name)) rmSync(join(folder, name), { force: true });
}

/** Makes renames and unlinks in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Reads a record that this program writes in `version`. Throws BayplanError `record-too-new` where a newer program has written it and
 * `record-damaged` where it is not what the schema says; the file's own errors (ENOENT) pass through. `remedy`: what to do with a damaged one.
 */
export function readRecord<T>(path: string, schema: z.ZodType<T>, version: number, remedy = 'put it back from a backup or remove it'): T {
  const damaged = (what: string, cause: unknown): BayplanError => new BayplanError('record-damaged', `${path}: this record is damaged (${what}); ${remedy}`, { cause });
  const text = readFileSync(path, 'utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged(text === '' ? 'it is empty' : 'it is not JSON', cause);
  }
  const head = Versioned.safeParse(value);
  if (!head.success) throw damaged('it has no version', head.error);
  if (head.data.version > version) {
    throw new BayplanError('record-too-new', `${path}: written in version ${head.data.version} by a newer bayplan, this one knows up to ${version}; run the newer one`);
  }
  const record = schema.safeParse(value);
  if (!record.success) {
    const issue = record.error.issues[0];
    throw damaged(issue === undefined ? 'wrong shape' : [...(issue.path.length === 0 ? [] : [issue.path.join('.')]), issue.message].join(': '), record.error);
  }
  return record.data;
}
