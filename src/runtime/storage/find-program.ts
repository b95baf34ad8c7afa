import { accessSync, constants, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';

const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Absolute path of a program, by its name or its path; null where there is none that can be run. */
export function findProgram(name: string): string | null {
  return (isAbsolute(name) ? [name] : FOLDERS.map((folder) => join(folder, name))).find(isProgram) ?? null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // there is none, which is the answer
  }
}
