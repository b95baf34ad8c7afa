import { mkdir, rm } from 'node:fs/promises';
import type { Paths } from '../../state/paths.ts';
import { runStorage } from './core-output.ts';
import type { StorageDriver } from './storage-driver.ts';
import { wholeDriver } from './whole-driver.ts';

/** An image of many gigabytes on a slow disk. */
const COPY_MS = 30 * 60_000;

/** Plain copies: they need nothing of the kernel or the file system, but room and time. */
export function vfsDriver(paths: Paths, core: string): StorageDriver {
  return wholeDriver(paths, core, {
    name: 'vfs',
    status: [],
    make: async (folder, source) => {
      await mkdir(folder, { mode: 0o755 });
      if (source !== null) await runStorage(core, ['copy-up', '--layer', source, '--target', '/', '--dest', folder], COPY_MS);
    },
    remove: (folder) => rm(folder, { recursive: true, force: true }),
  });
}
