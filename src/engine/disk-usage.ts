import { filesOf } from '../runtime/container/bundle-files.ts';
import { treeSize } from '../runtime/tree-size.ts';
import type { Container } from '../state/container.ts';
import type { Paths } from '../state/paths.ts';
import type { Volume } from '../state/volume.ts';

/** Bytes by name. */
export interface DiskUsage { readonly containers: ReadonlyMap<string, number>; readonly volumes: ReadonlyMap<string, number> }

/** What containers have written into their own layer, and what volumes hold; those that are mounted from elsewhere are left out. */
export async function diskUsage(containers: ReadonlyMap<string, Container>, volumes: ReadonlyMap<string, Volume>, paths: Paths): Promise<DiskUsage> {
  const uppers = new Map([...containers].flatMap(([name, { status }]) => (status === null ? [] : [[name, filesOf(paths, status.id).upper] as const])));
  const folders = new Map([...volumes].flatMap(([name, { spec, status }]) => (status === null || Object.keys(spec.driverOpts).length > 0 ? [] : [[name, status.mountpoint] as const])));
  return { containers: await sizes(uppers), volumes: await sizes(folders) };
}

/** One after the other: a question of this kind must not take the disk from what runs. */
async function sizes(folders: ReadonlyMap<string, string>): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  for (const [name, folder] of folders) found.set(name, await treeSize(folder));
  return found;
}
