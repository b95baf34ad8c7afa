import { statfsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { Paths } from '../../state/paths.ts';
import { runStorage } from './core-output.ts';
import type { StorageDriver } from './storage-driver.ts';
import { wholeDriver } from './whole-driver.ts';

const BTRFS_MAGIC = 0x9123683e;
const GIVE_UP_MS = 60_000;

/** Subvolumes of btrfs: a copy is a snapshot. Throws BayplanError `storage-driver` where the root folder is not on btrfs. */
export function btrfsDriver(paths: Paths, core: string): StorageDriver {
  if (statfsSync(paths.root).type !== BTRFS_MAGIC) throw new BayplanError('storage-driver', `storage driver btrfs: ${paths.root} is not on btrfs: choose another driver, or put the root folder on one`);
  return wholeDriver(paths, core, {
    name: 'btrfs',
    status: [],
    make: async (folder, source) => {
      await runStorage(core, ['subvolume', 'create', '--path', folder, ...(source === null ? [] : ['--source', source])], GIVE_UP_MS);
    },
    remove: async (folder) => {
      // One that holds subvolumes itself, which a container has made, goes as any other folder does.
      await runStorage(core, ['subvolume', 'delete', '--path', folder], GIVE_UP_MS).catch(() => rm(folder, { recursive: true, force: true }));
    },
  });
}
