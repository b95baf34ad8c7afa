import { accessSync, constants, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { BayplanError } from './bayplan-error.ts';

/** Makes a root folder where there is none, and sees that it can be written. `root` must be absolute. Throws BayplanError `bad-root`. */
export function ensureRootFolder(root: string): void {
  try {
    make(root, 0o700);
    readdirSync(root); // a file is none
    accessSync(root, constants.W_OK);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : '';
    if (code === 'EACCES') return; // who may not write is not root, which whatever comes next has better words for
    throw new BayplanError('bad-root', `root folder ${root}: ${cause instanceof Error ? cause.message : String(cause)}; choose another with --root`, { cause });
  }
}

/** Level by level: Node's own `recursive` never ends where a parent exists and nothing can be made in it, as in /proc. */
function make(folder: string, mode: number): void {
  try {
    mkdirSync(folder, mode);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || existsSync(dirname(folder))) throw error;
    make(dirname(folder), 0o755);
    make(folder, mode);
  }
}
