import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { linkStatOf } from '../state/stat-of.ts';

/** An absolute path with the first link on the way followed to its end, as docker compose has the paths of `develop.watch`; as it is where that leads nowhere, or there is none. */
export function followLink(path: string): string {
  const parts = path.split('/').filter((part) => part !== '');
  for (const [index] of parts.entries()) {
    const above = `/${parts.slice(0, index + 1).join('/')}`;
    const found = linkStatOf(above);
    if (found === undefined) return path;
    if (!found.isSymbolicLink()) continue;
    try {
      return join(realpathSync(above), ...parts.slice(index + 1));
    } catch {
      return path; // it leads nowhere, and may by the time that it is watched
    }
  }
  return path;
}
