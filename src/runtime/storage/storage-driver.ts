import type { Readable } from 'node:stream';
import type { Change } from '../container/changes.ts';
import type { ContainerFiles } from '../container/bundle-files.ts';
import type { Users } from '../container/users.ts';

export const DRIVER_NAMES = ['overlay', 'fuse-overlayfs', 'btrfs', 'vfs'] as const;
export type DriverName = (typeof DRIVER_NAMES)[number];

/** An overlay: `lowerdirs` lowest first, as names below `cwd` or absolute. */
export interface OverlayRoot { readonly cwd: string; readonly lowerdirs: readonly string[]; readonly upperdir: string; readonly workdir: string }

/** How whoever starts a container gets its root: by mounting the overlay on `path`, or where that is null from `path` as it is. `mapped`: it shows the container's users already. */
export interface ContainerRoot { readonly path: string; readonly overlay: OverlayRoot | null; readonly mapped: boolean }

/**
 * Where unpacked layers and the roots of containers are kept. Layers are named as in `paths.layers`, an image's lowest first. What an engine that was killed left half-made
 * has the name of nothing that counts, or belongs to no record.
 */
export interface StorageDriver {
  readonly name: DriverName;
  /** What `docker info` says beside the name. */
  readonly status: readonly (readonly [string, string])[];
  /** Whether an unpacked layer holds all that is below it too: layers are unpacked in their order then, onto copies. */
  readonly whole: boolean;
  /** Makes the folder that a layer is to be unpacked into; `below`: the folder of the layer that it lies on. */
  makeLayer(folder: string, below: string | null): Promise<void>;
  removeLayer(folder: string): Promise<void>;
  /** Lends an image's content to `work`, as folders that an overlay would put together. */
  withImage<T>(layers: readonly string[], work: (folders: readonly string[]) => Promise<T>): Promise<T>;
  /** Makes what a container writes into, in its state folder. */
  makeRoot(files: ContainerFiles, layers: readonly string[]): Promise<void>;
  /** Gives what a container has written from some users to others; null: the host's. `begin` is called before the first file is; the same call again finishes what was stopped then. */
  giveRoot(files: ContainerFiles, from: Users | null, to: Users | null, begin?: () => void): Promise<void>;
  /** What of it cannot be removed like any other folder. */
  removeRoot(files: ContainerFiles): Promise<void>;
  root(files: ContainerFiles, layers: readonly string[]): ContainerRoot;
  /** Mounts a root that a runtime expects to be mounted: on `files.root`, in the host's mount namespace, for these users of the container. Null: there is nothing to mount. */
  readonly mountRoot: ((files: ContainerFiles, layers: readonly string[], users: Users | null) => Promise<void>) | null;
  /** Whether it has to be mounted there for our own core too. */
  readonly mountsOnHost: boolean;
  /** What a container with these users has written over its image. */
  changes(files: ContainerFiles, layers: readonly string[], users: Users | null): Promise<readonly Change[]>;
  /** The same as a layer: a tar archive with whiteouts. The stream fails where it cannot be read whole. */
  layer(files: ContainerFiles, layers: readonly string[], users: Users | null): Promise<Readable>;
  /** Bytes of the files that a container has written. */
  usage(files: ContainerFiles, layers: () => Promise<readonly string[]>): Promise<number>;
}
