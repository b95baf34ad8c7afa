import { existsSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { volumesUsedBy } from '../../state/volume-users.ts';
import { settled } from '../settled.ts';
import type { ContainerContext } from './container-context.ts';
import type { ContainerEntry } from './container-entry.ts';
import { leaveHost } from './leave-host.ts';

/** Takes away what is left of a container whose process has ended: what is on the host while its record says whose it is, then that record, for half a container must not be taken for a whole one. */
export async function removeRemains(context: ContainerContext, { record, files }: ContainerEntry): Promise<void> {
  const { kernel, networks, userNamespaces, volumes, storage } = context;
  await leaveHost(context, files);
  for (const path of [files.fresh, files.record]) await unlinkIfThere(path);
  const disconnect = async (): Promise<void> => {
    await networks.disconnect(record.id);
    await userNamespaces.leave(record.id);
    await volumes.detach(volumesUsedBy(record.spec, record.anonymousVolumes), record.id);
    for (const network of Object.keys(record.addresses)) await networks.release(network, record.id);
  };
  if (record.storage === storage.name) await storage.removeRoot(files);
  await settled([disconnect(), ...[files.bundle, files.state].map((folder) => kernel.removeTree(folder))]);
}

/** A file that was just made durable takes its file system 0.2 ms to unlink, beside which the engine goes on: a record that has become durable meanwhile has another name. */
async function unlinkIfThere(path: string): Promise<void> {
  if (!existsSync(path)) return; // for most: quicker than the error
  try {
    await unlink(path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
