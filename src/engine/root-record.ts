import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { Paths } from '../state/paths.ts';
import { readRecord, sweepRecords, writeRecord } from '../runtime/record.ts';
import type { SetAsides } from '../runtime/set-aside.ts';

const RootRecord = z.object({ version: z.literal(1), instance: z.string(), createdAt: z.number() });

/**
 * The identity of a root folder, `engine.json`. A root of a newer version is refused before anything in it is touched: what it means is not known. A damaged
 * record is made anew, since all that counts in it follows from the folder, and kept beside it. Throws BayplanError `record-too-new`.
 */
export async function ensureRootRecord(paths: Paths, now: number, asides: SetAsides): Promise<void> {
  const path = join(paths.root, 'engine.json');
  sweepRecords(paths.root);
  const damaged = `${path}.damaged`;
  try {
    if (asides.read({ kind: 'engine', name: '', stack: '' }, () => readRecord(path, RootRecord, 1, `it was made anew, the damaged one is ${damaged}: remove that`)) !== null) return;
    const [aside] = asides.list();
    if (aside?.error.code === 'record-too-new') throw aside.error;
    await rename(path, damaged);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  await writeRecord(path, { version: 1, instance: paths.instance, createdAt: now });
}
