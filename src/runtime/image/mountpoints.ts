import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Name of the layer below all layers of every image: the folders and files that each container gets something mounted on. Where an image has
 * them, its own are seen; where not, they need not be made anew in each container.
 */
export const MOUNTPOINTS = 'mountpoints';

/** Makes that layer below `layers` where it is missing. */
export function ensureMountpoints(layers: string): void {
  const path = join(layers, MOUNTPOINTS);
  if (existsSync(path)) return;
  const temporary = `${path}.tmp-0`;
  rmSync(temporary, { recursive: true, force: true });
  for (const folder of ['proc', 'sys', 'dev', 'etc']) mkdirSync(join(temporary, folder), { recursive: true, mode: 0o755 });
  for (const file of ['hosts', 'hostname', 'resolv.conf']) writeFileSync(join(temporary, 'etc', file), '', { mode: 0o644 });
  renameSync(temporary, path);
}
