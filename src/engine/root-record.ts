import { join } from 'node:path';
import * as z from 'zod';
import type { Paths } from '../state/paths.ts';
import { readRecord, writeRecord } from '../runtime/record.ts';

const RootRecord = z.object({ version: z.literal(1), instance: z.string(), createdAt: z.number() });

/** The identity of a root folder, `engine.json`. A root of a newer version is refused before anything in it is touched. */
export async function ensureRootRecord(paths: Paths, now: number): Promise<void> {
  const path = join(paths.root, 'engine.json');
  try {
    readRecord(path, RootRecord, 1);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    await writeRecord(path, { version: 1, instance: paths.instance, createdAt: now });
  }
}
