import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { BayplanError } from '../../state/bayplan-error.ts';
import { volumesUsedBy } from '../../state/volume-users.ts';
import { runArchive, type ArchiveRequest, type ArchiveStreams, type PathStat } from './archive.ts';
import { writeView } from './archive-view.ts';
import { type Change, changesOf } from './changes.ts';
import type { ContainerContext } from './container-context.ts';
import type { ContainerEntry } from './container-entry.ts';
import { ensureMountpoints } from './mountpoints.ts';
import { resolveMounts } from './resolve-mounts.ts';

/** Reads or writes below a container's root: its own where it runs; else one that is mounted for this alone, and by one caller at a time. */
export async function archiveOf(context: ContainerContext, entry: ContainerEntry, request: ArchiveRequest, streams: ArchiveStreams): Promise<PathStat | null> {
  const { phase, ready } = entry;
  if (phase !== 'running' || ready === null) return await archiveStopped(context, entry, request, streams);
  return await runArchive(context.core, ['--pid', String(ready.pid), '--start-time', String(ready.startTime)], request, streams);
}

async function archiveStopped({ core, images, volumes, paths }: ContainerContext, { record, files }: ContainerEntry, request: ArchiveRequest, streams: ArchiveStreams): Promise<PathStat | null> {
  const { spec, anonymousVolumes } = record;
  const image = images.find(spec.imageId);
  if (image === null) throw new BayplanError('image-not-found', `container ${record.name}: image ${spec.image} (${spec.imageId}) has left the store`);
  const used = volumesUsedBy(spec, anonymousVolumes);
  const view = `${files.bundle}.view`;
  await volumes.attach(used, record.id);
  try {
    const mounts = resolveMounts(record.name, spec, anonymousVolumes, (volume) => volumes.mountpoint(volume), paths.contents);
    writeView(view, { paths, record, files, layers: await images.layers(image.id), mounts });
    return await runArchive(core, ['--bundle', view], request, streams);
  } finally {
    rmSync(view, { recursive: true, force: true });
    await volumes.detach(used, record.id);
  }
}

/** What a container has changed in its root, but for what is mounted there. */
export async function containerChanges({ core, paths, images }: ContainerContext, { record, files }: ContainerEntry): Promise<readonly Change[]> {
  const layers = (await images.layers(record.spec.imageId)).map((layer) => join(paths.layers, layer));
  const places = new Set([...record.spec.mounts, ...record.spec.contents].map(({ target }) => target).concat(Object.keys(record.anonymousVolumes)));
  return await changesOf(core, files.upper, [ensureMountpoints(paths), ...layers], places);
}
