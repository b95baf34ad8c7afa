import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes of all files below a folder on its own file system; one with several names counts once, what goes away meanwhile not at all. */
export async function treeSize(folder: string): Promise<number> {
  const top = await unlessGone(lstat(folder));
  return top === null ? 0 : await sizeBelow(folder, top.dev, new Set());
}

async function sizeBelow(folder: string, device: number, seen: Set<number>): Promise<number> {
  let sum = 0;
  for (const name of await unlessGone(readdir(folder)) ?? []) {
    const path = join(folder, name);
    const found = await unlessGone(lstat(path));
    if (found === null || found.dev !== device || seen.has(found.ino)) continue;
    if (found.isDirectory()) sum += await sizeBelow(path, device, seen);
    else sum += found.size;
    if (found.nlink > 1) seen.add(found.ino);
  }
  return sum;
}

async function unlessGone<T>(looking: Promise<T>): Promise<T | null> {
  try {
    return await looking;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
