import { lstatSync, type Stats, statSync } from 'node:fs';

/** Of a file that is there; undefined where the path leads to none. Node's own `throwIfNoEntry: false` throws ENOTDIR up to version 20, and is silent of it from 22 on. */
export function statOf(path: string): Stats | undefined {
  return foundBy(statSync, path);
}

/** The same of a link itself. */
export function linkStatOf(path: string): Stats | undefined {
  return foundBy(lstatSync, path);
}

function foundBy(stat: (path: string) => Stats, path: string): Stats | undefined {
  try {
    return stat(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string' && LEADS_NOWHERE.includes(error.code)) return undefined;
    throw error;
  }
}

/** A file in the way, links that lead in a circle, and a name that no file can have are no file either. */
const LEADS_NOWHERE = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'];
