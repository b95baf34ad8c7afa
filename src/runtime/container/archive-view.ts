import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Paths } from '../../state/paths.ts';
import { mountOf, overlayOptions, type ResolvedMount } from './bundle.ts';
import type { ContainerFiles } from './bundle-files.ts';
import { ensureMountpoints } from './mountpoints.ts';
import type { ContainerRecord } from './record.ts';

interface ViewParts {
  readonly paths: Paths;
  readonly record: ContainerRecord;
  readonly files: ContainerFiles;
  /** Names relative to `paths.layers`, lowest first. */
  readonly layers: readonly string[];
  readonly mounts: readonly ResolvedMount[];
}

/** A bundle of no more than the root and what is bound below it: how the files of a container are reached that does not run. */
export function writeView(folder: string, { paths, record: { spec }, files, layers, mounts }: ViewParts): void {
  const rootfs = join(paths.run, 'rootfs');
  const lowerdirs = [relative(paths.layers, ensureMountpoints(paths)), ...layers];
  mkdirSync(rootfs, { recursive: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, 'config.json'), JSON.stringify({
    ociVersion: '1.2.0', root: { path: rootfs, readonly: spec.readOnly }, mounts: mounts.filter(({ type }) => type === 'bind').map(mountOf), linux: { namespaces: [{ type: 'mount' }] },
    annotations: { 'io.bayplan.overlay': overlayOptions({ lowerdirs, upperdir: files.upper, workdir: files.work }), 'io.bayplan.overlay.cwd': paths.layers },
  }), { mode: 0o600 });
}
