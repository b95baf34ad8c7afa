import type { Volume, VolumeSpec } from '../../state/volume.ts';

/** Named and anonymous volumes: `paths.volumes/<name>/_data` beside `volume.json` (versioned record). */
export interface Volumes {
  list(): ReadonlyMap<string, Volume>;
  /** Idempotent for an equal spec; a different spec is a BayplanError `conflict`. */
  create(name: string, stack: string, spec: VolumeSpec): Promise<void>;
  remove(name: string): Promise<void>;
  /** Host path of the volume's data. */
  mountpoint(name: string): string;
  /** Fills an empty volume with what the image's layers hold at `target` (owner, modes, xattrs), once; `layers` lowest first, absolute. */
  copyUp(name: string, layers: readonly string[], target: string): Promise<void>;
}
