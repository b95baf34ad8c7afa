import { randomBytes } from 'node:crypto';
import type { Containers } from '../runtime/container/containers.ts';
import type { Volumes } from '../runtime/volume/volumes.ts';
import { stepId } from '../plan/step-id.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { ANONYMOUS_VOLUME, type Volume, type VolumeSpec } from '../state/volume.ts';
import type { Step } from '../state/plan.ts';
import { volumeUsers } from '../state/volume-users.ts';
import { diskUsage, NO_CONTAINERS } from './disk-usage.ts';

export interface VolumeRuntime {
  readonly volumes: Pick<Volumes, 'list'>;
  readonly containers: Pick<Containers, 'list'>;
  /** Carries out the steps of a small plan, or rejects with the first failure. */
  readonly carryOut: (steps: readonly Step[]) => Promise<void>;
  /** Whether something is being made that may want the volume. */
  readonly awaited: (name: string, volume: Volume) => boolean;
}

/** Makes a volume that belongs to no stack, or answers the one that is there; '' gets a name that nobody has. Throws `conflict` where it is another. */
export async function createVolume({ volumes, carryOut }: VolumeRuntime, name: string, spec: VolumeSpec): Promise<string> {
  const full = name === '' ? randomBytes(32).toString('hex') : name;
  const found = volumes.list().get(full);
  const labels = name === '' ? { ...spec.labels, [ANONYMOUS_VOLUME]: '' } : spec.labels;
  // Docker's rule: what it holds decides, not what it is labelled with.
  const volume = { ...spec, labels: found?.spec.labels ?? labels, external: found?.spec.external ?? false };
  await carryOut([{ id: stepId('create-volume', full), action: 'create-volume', args: { name: full, stack: found?.stack ?? '', volume }, needs: [], why: 'it was asked for' }]);
  return full;
}

/** Throws `not-found`, unless `force`, and `conflict` for one that a container uses. */
export async function removeVolume({ volumes, carryOut }: VolumeRuntime, name: string, force: boolean): Promise<void> {
  if (!volumes.list().has(name)) {
    if (force) return;
    throw new BayplanError('not-found', `get ${name}: no such volume`);
  }
  await carryOut([removal(name)]);
}

/** Removes volumes that no container uses, of those that pass. `reclaimed` in bytes. */
export async function pruneVolumes(runtime: VolumeRuntime, passes: (volume: Volume) => boolean): Promise<{ readonly deleted: readonly string[]; readonly reclaimed: number }> {
  const users = volumeUsers(runtime.containers.list());
  const unused = new Map([...runtime.volumes.list()].filter(([name, volume]) => !users.has(name) && !runtime.awaited(name, volume) && passes(volume)));
  const sizes = (await diskUsage(NO_CONTAINERS, unused)).volumes;
  const deleted: string[] = [];
  for (const name of unused.keys()) {
    const volume = runtime.volumes.list().get(name);
    if (volume === undefined || runtime.awaited(name, volume)) continue;
    try {
      await runtime.carryOut([removal(name)]);
      deleted.push(name);
    } catch (error) {
      if (!(error instanceof BayplanError && error.code === 'conflict')) throw error; // a container is made with it by now
    }
  }
  return { deleted, reclaimed: deleted.reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0) };
}

function removal(name: string): Step {
  return { id: stepId('remove-volume', name), action: 'remove-volume', args: { name }, needs: [], why: 'its removal was asked for' };
}
