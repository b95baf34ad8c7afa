import { rmSync } from 'node:fs';
import { BayplanError } from '../../state/bayplan-error.ts';
import { volumesUsedBy } from '../../state/volume-users.ts';
import { unmountAll } from '../storage/host-mount.ts';
import type { ContainerRoot, StorageDriver } from '../storage/storage-driver.ts';
import { runArchive, type ArchiveRequest, type ArchiveStreams, type PathStat } from './archive.ts';
import { writeView } from './archive-view.ts';
import type { Change } from './changes.ts';
import type { ContainerContext } from './container-context.ts';
import type { ContainerEntry } from './container-entry.ts';
import type { ContainerRecord } from './record.ts';
import { resolveMounts } from './resolve-mounts.ts';

/** Reads or writes below a container's root: its own where it runs; else one that is mounted for this alone, and by one caller at a time. */
export async function archiveOf(context: ContainerContext, entry: ContainerEntry, request: ArchiveRequest, streams: ArchiveStreams): Promise<PathStat | null> {
  const { phase, ready } = entry;
  if (phase !== 'running' || ready === null) return await archiveStopped(context, entry, request, streams);
  return await runArchive(context.core, ['--pid', String(ready.pid), '--start-time', String(ready.startTime)], request, streams);
}

async function archiveStopped(context: ContainerContext, { record, files }: ContainerEntry, request: ArchiveRequest, streams: ArchiveStreams): Promise<PathStat | null> {
  const { core, images, volumes, paths, storage } = context;
  const { spec, anonymousVolumes } = record;
  const image = images.find(spec.imageId);
  if (image === null) throw new BayplanError('image-not-found', `container ${record.name}: image ${spec.image} (${spec.imageId}) has left the store`);
  checkStorage(storage, record);
  const used = volumesUsedBy(spec, anonymousVolumes);
  const view = `${files.bundle}.view`;
  await volumes.attach(used, record.id);
  try {
    const mounts = resolveMounts(record.name, spec, anonymousVolumes, (volume) => volumes.mountpoint(volume), paths.contents);
    const layers = await images.layers(image.id);
    return await withRoot(context, { record, files }, layers, (root) => {
      writeView(view, { readOnly: spec.readOnly, root, mounts, users: record.users });
      return runArchive(core, ['--bundle', view], request, streams);
    });
  } finally {
    rmSync(view, { recursive: true, force: true });
    await volumes.detach(used, record.id);
  }
}

/** Lends the root of a container that does not run. */
async function withRoot<T>({ core, storage }: ContainerContext, { record, files }: Pick<ContainerEntry, 'record' | 'files'>, layers: readonly string[], work: (root: ContainerRoot) => Promise<T>): Promise<T> {
  if (!storage.mountsOnHost || storage.mountRoot === null) return await work(storage.root(files, layers));
  await storage.mountRoot(files, layers, record.users);
  try {
    return await work(storage.root(files, layers));
  } finally {
    await unmountAll(core, files.root);
  }
}

/** Throws `conflict` for a container whose root another storage driver keeps. */
export function checkStorage(storage: StorageDriver, { name, storage: kept }: ContainerRecord): void {
  if (kept !== storage.name) throw new BayplanError('conflict', `container ${name}: its root was made with storage driver ${kept}, and this engine has ${storage.name}: name that one in the engine's configuration, or make the container anew`);
}

/** What a container has changed in its root, but for what is mounted there: that was made to be mounted on. */
export async function containerChanges({ images, storage }: ContainerContext, { record, files }: ContainerEntry): Promise<readonly Change[]> {
  checkStorage(storage, record);
  const places = new Set([...record.spec.mounts, ...record.spec.contents].map(({ target }) => target).concat(Object.keys(record.anonymousVolumes)));
  return (await storage.changes(files, await images.layers(record.spec.imageId), record.users)).filter(({ path }) => !places.has(path));
}
