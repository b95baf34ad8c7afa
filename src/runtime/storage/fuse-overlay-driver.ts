import { mkdirSync } from 'node:fs';
import { mkdtemp, rmdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { Paths } from '../../state/paths.ts';
import { runStorage } from './core-output.ts';
import { unmountAll } from './host-mount.ts';
import { lowerOption, overlayOptions } from './overlay-options.ts';
import { overlayDriver, overlayOf } from './overlay-driver.ts';
import { findProgram } from './find-program.ts';
import { mappingText, type Users } from '../container/users.ts';
import type { OverlayRoot, StorageDriver } from './storage-driver.ts';

const GIVE_UP_MS = 15_000;

/**
 * The overlay as a program of its own, for kernels that have none. It serves a root from before the container's start until it is unmounted, in the host's mount namespace. Layers and
 * what containers write are kept as the kernel's overlay has them, but that files belong on the disk to whom the container says: it is the program that shows them as those of its users. (What an
 * image's files may do by capabilities of their own, they may not then: the kernel takes them for the host's.) Throws BayplanError `storage-driver` where the program or FUSE is missing.
 */
export function fuseOverlayDriver(paths: Paths, core: string): StorageDriver {
  const base = overlayDriver(paths, core);
  const program = findProgram('fuse-overlayfs');
  if (program === null) throw new BayplanError('storage-driver', 'storage driver fuse-overlayfs: there is no program fuse-overlayfs: install it (Debian: fuse-overlayfs), or choose another driver');
  const mount = async (options: string, target: string): Promise<void> => { await runStorage(program, ['-o', options, target], GIVE_UP_MS); };
  return {
    ...base,
    name: 'fuse-overlayfs',
    status: [['Program', program]],
    mountsOnHost: true,
    withImage: async (layers, work) => {
      const [only, ...more] = layers;
      if (only !== undefined && more.length === 0) return await work([join(paths.layers, only)]);
      const merged = await mkdtemp(join(paths.run, 'image-'));
      const leave = async (): Promise<void> => {
        await unmountAll(core, merged);
        await rmdir(merged);
      };
      const done = await mount(`ro,${lowerOption(absolute(paths, layers))}`, merged).then(() => work([merged])).catch(async (error: unknown) => {
        await leave().catch(() => undefined); // the first failure is what is told; the next engine takes this away
        throw error;
      });
      await leave();
      return done;
    },
    giveRoot: () => Promise.resolve(),
    root: (files) => ({ path: files.root, overlay: null, mapped: true }),
    mountRoot: async (files, layers, users) => {
      mkdirSync(files.root, { recursive: true, mode: 0o755 });
      const { lowerdirs, upperdir, workdir }: OverlayRoot = overlayOf(paths, files, layers);
      await mount(overlayOptions({ lowerdirs: absolute(paths, lowerdirs), upperdir, workdir }) + mappings(users), files.root);
    },
    changes: (files, layers) => base.changes(files, layers, null),
    layer: (files, layers) => base.layer(files, layers, null),
  };
}

/** Options by which the program shows what belongs to an id on the disk as another's. */
function mappings(users: Users | null): string {
  return users === null ? '' : `,uidmapping=${mappingText(users.uids)},gidmapping=${mappingText(users.gids)}`;
}

function absolute(paths: Paths, layers: readonly string[]): readonly string[] {
  return layers.map((layer) => resolve(paths.layers, layer));
}
