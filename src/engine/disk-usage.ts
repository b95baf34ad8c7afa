import { treeSize } from '../runtime/tree-size.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Volume } from '../state/volume.ts';

/** Bytes by name; what could not be found out is left out. */
export interface DiskUsage { readonly containers: ReadonlyMap<string, number>; readonly volumes: ReadonlyMap<string, number> }

/** What containers have written into their own layer, and what volumes hold; those that are mounted from elsewhere are left out. */
export async function diskUsage({ names, written }: { readonly names: readonly string[]; readonly written: (name: string) => Promise<number> }, volumes: ReadonlyMap<string, Volume>): Promise<DiskUsage> {
  const folders = new Map([...volumes].flatMap(([name, { spec, status }]) => (status === null || Object.keys(spec.driverOpts).length > 0 ? [] : [[name, status.mountpoint] as const])));
  return { containers: await sizes(names, written), volumes: await sizes([...folders.keys()], (name) => treeSize(folders.get(name) ?? '')) };
}

export const NO_CONTAINERS = { names: [], written: () => Promise.resolve(0) };

/** One after the other: a question of this kind must not take the disk from what runs. */
async function sizes(names: readonly string[], sizeOf: (name: string) => Promise<number>): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  for (const name of names) {
    try {
      found.set(name, await sizeOf(name));
    } catch (error) { // its image was taken away by force, or it is too much to look through in time: the others are known all the same
      if (!(error instanceof BayplanError)) throw error;
    }
  }
  return found;
}
