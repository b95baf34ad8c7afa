import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { BayplanError } from '../state/bayplan-error.ts';

/** A root folder's one name, whatever links lead to it: of the part that exists the real path. `root` must be absolute. Throws BayplanError `bad-root`. */
export function realRoot(root: string): string {
  try {
    return realpathSync(root);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'EACCES') return root; // who may not look is not root, which whatever comes next has better words for
    if (code !== 'ENOENT' || root === '/') {
      throw new BayplanError('bad-root', `root folder ${root}: ${error instanceof Error ? error.message : String(error)}; choose another with --root`, { cause: error });
    }
    return join(realRoot(dirname(root)), basename(root));
  }
}
