import { chownSync, mkdirSync, readdirSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Paths } from '../../state/paths.ts';
import type { ContainerFiles } from '../container/bundle-files.ts';
import { changesOf, readable } from '../container/changes.ts';
import { ensureMountpoints } from '../container/mountpoints.ts';
import { treeSize } from '../tree-size.ts';
import { rootOf, usersOptions } from '../container/users.ts';
import { runStorage, streamStorage } from './core-output.ts';
import { mountOverlay } from './host-mount.ts';
import type { OverlayRoot, StorageDriver } from './storage-driver.ts';

/** What a container's overlay is made of: its own folders upon the image's layers upon the places that every container needs. */
export function overlayOf(paths: Paths, files: ContainerFiles, layers: readonly string[]): OverlayRoot {
  return { cwd: paths.layers, lowerdirs: [relative(paths.layers, ensureMountpoints(paths)), ...layers], upperdir: files.upper, workdir: files.work };
}

const SHIFT_MS = 600_000;

/** The kernel's overlay, mounted by the core in each container's own mount namespace: a layer's folder holds what it changes. */
export function overlayDriver(paths: Paths, core: string): StorageDriver {
  const absolute = (layers: readonly string[]): readonly string[] => layers.map((layer) => join(paths.layers, layer));
  return {
    name: 'overlay',
    status: [['Whiteouts', 'character devices'], ['Mounted', 'in the container\'s mount namespace']],
    whole: false,
    mountsOnHost: false,
    makeLayer: async (folder) => { await mkdir(folder, { mode: 0o755 }); },
    removeLayer: async (folder) => { await rm(folder, { recursive: true, force: true }); },
    withImage: (layers, work) => work(absolute(layers)),
    makeRoot: (files) => {
      mkdirSync(files.upper, { mode: 0o755 });
      mkdirSync(files.work, { mode: 0o700 });
      return Promise.resolve();
    },
    giveRoot: async ({ upper }, from, to, begin) => {
      const { uid, gid } = to === null ? { uid: 0, gid: 0 } : rootOf(to);
      if (readdirSync(upper).length === 0) {
        chownSync(upper, uid, gid);
        return;
      }
      const shift = ['shift', '--folder', upper, ...(from === null ? [] : usersOptions(from, 'from-')), ...(to === null ? [] : usersOptions(to, 'to-'))];
      await runStorage(core, [...shift, '--check'], SHIFT_MS);
      begin?.();
      await runStorage(core, shift, SHIFT_MS);
    },
    removeRoot: () => Promise.resolve(),
    root: (files, layers) => {
      // One empty folder serves all: each container mounts its root on it in a mount namespace of its own.
      const path = join(paths.run, 'rootfs');
      mkdirSync(path, { recursive: true });
      return { path, overlay: overlayOf(paths, files, layers), mapped: false };
    },
    mountRoot: async (files, layers) => {
      mkdirSync(files.root, { recursive: true, mode: 0o755 });
      await mountOverlay(core, overlayOf(paths, files, layers), files.root);
    },
    changes: async (files, layers, users) => readable(await changesOf(core, ['--upper', files.upper, ...(users === null ? [] : usersOptions(users)), ...[ensureMountpoints(paths), ...absolute(layers)].flatMap((layer) => ['--layer', layer])])),
    layer: (files, _layers, users) => Promise.resolve(streamStorage(core, ['archive', 'layer', '--path', '.', '--upper', files.upper, ...(users === null ? [] : usersOptions(users))], '')),
    usage: (files) => treeSize(files.upper),
  };
}
