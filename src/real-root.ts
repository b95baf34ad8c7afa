import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** A root folder's one name, whatever links lead to it: of the part that exists the real path. `root` must be absolute. */
export function realRoot(root: string): string {
  try {
    return realpathSync(root);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT') || root === '/') throw error;
    return join(realRoot(dirname(root)), basename(root));
  }
}
