import { closeSync, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { loadKernel } from '../../src/runtime/loaded-kernel.ts';

const LIBRARY = new URL('../../build/libbayplan.so', import.meta.url).pathname;

/** The namespaces that an engine has pinned for its folder `netns` or `userns`: name → inode of the namespace, looked up in the mount namespace that the folder keeps. */
export function pinned(folder: string): ReadonlyMap<string, number> {
  const place = join(folder, 'pins');
  if (!existsSync(place)) return new Map();
  const { mounts, root } = loadKernel(LIBRARY).openPins(folder, place);
  try {
    const inside = `/proc/self/fd/${root}`;
    return new Map(readdirSync(inside).map((name) => [name, statSync(join(inside, name)).ino]));
  } finally {
    closeSync(mounts);
    closeSync(root);
  }
}
