import { statOf } from '../state/stat-of.ts';

/** Whether a file would fill the memory. */
export function isEndless(path: string): boolean {
  const stat = statOf(path);
  return stat !== undefined && path !== '/dev/null' && (stat.isCharacterDevice() || stat.isBlockDevice() || stat.size > 64 * 2 ** 20);
}
