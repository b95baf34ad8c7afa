import type { Volume, VolumeSpec } from '../../state/volume.ts';

/** Named and anonymous volumes: `paths.volumes/<name>/_data` beside `volume.json` (versioned record). */
export interface Volumes {
  list(): ReadonlyMap<string, Volume>;
  /** Calls `listener` after one was made or removed, until the returned function is called. */
  onEvent(listener: (event: 'create' | 'destroy', name: string, volume: Volume) => void): () => void;
  /** Idempotent for an equal spec; a different spec is a BayplanError `conflict`. */
  create(name: string, stack: string, spec: VolumeSpec): Promise<void>;
  /** Says these labels of it from now on, and no others. Throws BayplanError `not-found`. */
  label(name: string, labels: Readonly<Record<string, string>>): Promise<void>;
  /** Throws BayplanError `conflict` for one that is mounted, or that a container uses, or one that is being made. */
  remove(name: string): Promise<void>;
  /** Mounts those that are mounts (`driver_opts`), for a container that is to start. Throws BayplanError `mount-failed`, in bounded time. */
  attach(names: readonly string[], container: string): Promise<void>;
  /** The container has ended: unmounts those that nobody uses any more. */
  detach(names: readonly string[], container: string): Promise<void>;
  /** Notes that a container found running uses them. */
  adopt(names: readonly string[], container: string): void;
  /** Unmounts what an earlier engine left mounted without users. */
  unmountUnused(): Promise<void>;
  /** Looks whether all are there as they were made: `list` shows from then on what is not. */
  look(): void;
  /** Folders in which it shows that one is taken away. */
  places(): readonly string[];
  /** Whether there is one that is a mount while it is used. */
  readonly anyMounted: boolean;
  /** Host path of the volume's data. */
  mountpoint(name: string): string;
  /**
   * Fills an empty volume with what the image's layers hold at `target` (owner, modes, xattrs), once; `layers` lowest first, absolute. One that is a
   * mount is mounted for it, in bounded time, where the image has something there. Throws BayplanError `copy-up-failed`, `mount-failed`.
   */
  copyUp(name: string, layers: readonly string[], target: string): Promise<void>;
}
