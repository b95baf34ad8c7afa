import { closeSync, futimesSync, lstatSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { Paths } from '../../state/paths.ts';
import type { ContainerFiles } from '../container/bundle-files.ts';
import { type Change, changesOf, readable } from '../container/changes.ts';
import { MOUNTPOINTS } from '../container/mountpoints.ts';
import { streamStorage } from './core-output.ts';
import type { DriverName, StorageDriver } from './storage-driver.ts';

/** Folders that begin as copies of others. */
export interface Trees {
  readonly name: DriverName;
  readonly status: readonly (readonly [string, string])[];
  /** An empty one, or a copy of `source`. */
  make(folder: string, source: string | null): Promise<void>;
  remove(folder: string): Promise<void>;
}

/** Layers and roots as whole trees, each one a copy of the one that it lies on. */
export function wholeDriver(paths: Paths, core: string, trees: Trees): StorageDriver {
  const top = (layers: readonly string[]): string => {
    const last = layers.at(-1);
    if (last === undefined) throw new BayplanError('bad-request', 'the image has no layers: there is nothing to run');
    return join(paths.layers, last);
  };
  const tree = (files: ContainerFiles): string => join(files.state, 'tree');
  const changes = async (files: ContainerFiles, layers: readonly string[]): Promise<readonly Change[]> => {
    const base = top(layers);
    const found = await changesOf(core, ['--tree', tree(files), '--base', base]);
    return found.filter(({ path, kind }) => !(kind === 'added' && PLACES.has(path))); // made for every container
  };
  return {
    name: trees.name,
    status: trees.status,
    whole: true,
    mountsOnHost: false,
    makeLayer: (folder, below) => trees.make(folder, below),
    removeLayer: (folder) => trees.remove(folder),
    withImage: (layers, work) => work([top(layers)]),
    makeRoot: async (files, layers) => {
      await trees.make(tree(files), top(layers));
      makePlaces(tree(files));
    },
    giveRoot: () => Promise.resolve(), // it is all the host's, and seen through the mappings of whoever lives in it
    removeRoot: (files) => trees.remove(tree(files)),
    root: (files) => ({ path: tree(files), overlay: null, mapped: false }),
    mountRoot: null,
    changes: async (files, layers) => readable(await changes(files, layers)),
    layer: async (files, layers) => {
      const found = await changes(files, layers);
      return streamStorage(core, ['archive', 'layer', '--path', '.', '--tree', tree(files)], listOf(found));
    },
    usage: async (files, layers) => {
      let sum = 0;
      for (const { path, kind } of await changes(files, await layers())) if (kind !== 'deleted') sum += await fileSize(Buffer.concat([Buffer.from(tree(files)), Buffer.from(path, 'latin1')]));
      return sum;
    },
  };
}

const PLACES: ReadonlySet<string> = new Set([...MOUNTPOINTS.folders, ...MOUNTPOINTS.files].map((place) => `/${place}`));

/** What things are mounted on in every container, which nobody shall take for a change of its own: the folders around keep their times. */
function makePlaces(root: string): void {
  for (const place of MOUNTPOINTS.folders) unlessThere(join(root, place), (path) => mkdirSync(path, { mode: 0o755 }));
  for (const place of MOUNTPOINTS.files) unlessThere(join(root, place), (path) => writeFileSync(path, '', { mode: 0o644, flag: 'wx' }));
}

/** Follows no link: the tree is an image's, and its links lead where its author likes, on the host too. What they lead to inside the core makes, at the start. */
function unlessThere(path: string, make: (path: string) => void): void {
  const folder = dirname(path);
  const above = lstatSync(folder, { throwIfNoEntry: false });
  if (above?.isDirectory() !== true || lstatSync(path, { throwIfNoEntry: false }) !== undefined) return;
  make(path);
  const fd = openSync(folder, 'r');
  futimesSync(fd, above.atime, above.mtime);
  closeSync(fd);
}

const KINDS: Readonly<Record<Change['kind'], string>> = { changed: 'C', added: 'A', deleted: 'D' };

/** As the core reads it, by the byte: with the folders above what has changed, whose owner and mode would be lost else. */
function listOf(changes: readonly Change[]): Buffer {
  const all = new Map(changes.map(({ path, kind }) => [path, kind]));
  for (const { path } of changes) for (let above = dirname(path); above !== '/'; above = dirname(above)) if (!all.has(above)) all.set(above, 'changed');
  return Buffer.from([...all].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, kind]) => `${KINDS[kind]}${path}\0`).join(''), 'latin1');
}

async function fileSize(path: Buffer): Promise<number> {
  try {
    const found = await lstat(path);
    return found.isDirectory() ? 0 : found.size;
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return 0; // it has gone meanwhile
    throw error;
  }
}
