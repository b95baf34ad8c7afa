import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { linkStatOf } from '../state/stat-of.ts';
import type { WatchRule } from './rules.ts';

/** All that a rule means of what is there: files, links and folders. Throws what the file system says where a folder cannot be read. */
export function filesBelow({ path, meant, skips }: Pick<WatchRule, 'path' | 'meant' | 'skips'>): readonly string[] {
  const stat = linkStatOf(path);
  if (stat === undefined) return [];
  if (!stat.isDirectory()) return meant(path) ? [path] : [];
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    const each = join(path, entry.name);
    const below = entry.isDirectory() && !skips(each) ? filesBelow({ path: each, meant, skips }) : [];
    return entry.isDirectory() || !meant(each) ? below : [each, ...below];
  });
}
