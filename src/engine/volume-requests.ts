import { randomBytes } from 'node:crypto';
import type { Containers } from '../runtime/container/containers.ts';
import type { Volumes } from '../runtime/volume/volumes.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Paths } from '../state/paths.ts';
import { ANONYMOUS_VOLUME, type Volume, type VolumeSpec } from '../state/volume.ts';
import { volumeUsers } from '../state/volume-users.ts';
import { diskUsage } from './disk-usage.ts';

export interface VolumeRuntime { readonly volumes: Volumes; readonly containers: Pick<Containers, 'list'>; readonly paths: Paths }

/** Makes a volume that belongs to no stack, or answers the one that is there; '' gets a name that nobody has. Throws `conflict` where it is another. */
export async function createVolume({ volumes }: VolumeRuntime, name: string, spec: VolumeSpec): Promise<string> {
  const full = name === '' ? randomBytes(32).toString('hex') : name;
  const found = volumes.list().get(full);
  const labels = name === '' ? { ...spec.labels, [ANONYMOUS_VOLUME]: '' } : spec.labels;
  // Docker's rule: what it holds decides, not what it is labelled with.
  await volumes.create(full, found?.stack ?? '', { ...spec, labels: found?.spec.labels ?? labels, external: found?.spec.external ?? false });
  return full;
}

/** Throws `not-found`, unless `force`, and `conflict` for one that a container uses. */
export async function removeVolume({ volumes, containers }: VolumeRuntime, name: string, force: boolean): Promise<void> {
  if (!volumes.list().has(name)) {
    if (force) return;
    throw new BayplanError('not-found', `get ${name}: no such volume`);
  }
  const users = volumeUsers(containers.list()).get(name) ?? [];
  if (users.length > 0) throw new BayplanError('conflict', `remove ${name}: volume is in use by ${users.join(', ')}: remove that first`);
  await volumes.remove(name);
}

/** Removes volumes that no container uses, of those that pass. `reclaimed` in bytes. */
export async function pruneVolumes(runtime: VolumeRuntime, passes: (volume: Volume) => boolean): Promise<{ readonly deleted: readonly string[]; readonly reclaimed: number }> {
  const users = volumeUsers(runtime.containers.list());
  const unused = new Map([...runtime.volumes.list()].filter(([name, volume]) => !users.has(name) && passes(volume)));
  const sizes = (await diskUsage(new Map(), unused, runtime.paths)).volumes;
  const deleted: string[] = [];
  for (const name of unused.keys()) {
    if (volumeUsers(runtime.containers.list()).has(name)) continue; // by a container that was made meanwhile
    await runtime.volumes.remove(name);
    deleted.push(name);
  }
  return { deleted, reclaimed: deleted.reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0) };
}
