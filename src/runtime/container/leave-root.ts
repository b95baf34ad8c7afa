import { existsSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { unmountAll } from '../storage/host-mount.ts';
import type { ContainerFiles } from './bundle-files.ts';

/** Takes away what was mounted on the host for a container that has ended. Its shim does that; one that was killed has not. */
export async function leaveRoot(core: string, { root }: ContainerFiles): Promise<void> {
  if (!existsSync(root)) return;
  await unmountAll(core, root);
  await rmdir(root);
}
