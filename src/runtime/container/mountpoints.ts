import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Paths } from '../../state/paths.ts';

/** What each container gets something mounted on. */
export const MOUNTPOINTS = { folders: ['proc', 'sys', 'dev', 'etc'], files: ['etc/hosts', 'etc/hostname', 'etc/resolv.conf'] } as const;

/**
 * The layer below all layers of every image: the folders and files that each container gets something mounted on. Where an image has them, its
 * own are seen; where not, they need not be made anew in each container. Made where it is missing; answers its path.
 */
export function ensureMountpoints(paths: Paths): string {
  const path = join(paths.root, 'mountpoints');
  if (existsSync(path)) return path;
  const temporary = `${path}.tmp`;
  rmSync(temporary, { recursive: true, force: true });
  for (const folder of MOUNTPOINTS.folders) mkdirSync(join(temporary, folder), { recursive: true, mode: 0o755 });
  for (const file of MOUNTPOINTS.files) writeFileSync(join(temporary, file), '', { mode: 0o644 });
  renameSync(temporary, path);
  return path;
}
