import { rm } from 'node:fs/promises';
import { archiveImages, digestOf, type ArchiveImage } from './archive-images.ts';
import { stageArchive } from './archive.ts';
import { tellingFullDisk } from './full-disk.ts';
import type { ImageIndex } from './image-index.ts';
import { named } from './index-names.ts';
import type { LayerStore } from './layer-store.ts';
import type { Layout } from './layout.ts';
import { Manifest, MANIFEST_TYPE, type Descriptor } from './oci.ts';

/** Where images go that an archive holds. */
export interface Loading { readonly layout: Layout; readonly layers: LayerStore; readonly index: ImageIndex }

/** Loads all images of an archive; answers their names, or the IDs of those that have none. Where it fails, layers may have been unpacked that no image has. */
export async function loadImages(archive: NodeJS.ReadableStream, store: Loading): Promise<readonly string[]> {
  const staging = await store.layout.staging();
  try {
    return await tellingFullDisk('the image was not loaded; free some space and load it again', async () => {
      const images = await archiveImages(await stageArchive(archive, staging));
      // Unpacked before they are known: a layer that is refused makes no image.
      const unpacked = await Promise.allSettled(images.map(({ layers }) => store.layers.ensureAll(layers)));
      for (const each of unpacked) if (each.status === 'rejected') throw each.reason; // when none is under way any more
      return await store.index.exclusively(() => admit(images, store));
    });
  } finally {
    await rm(staging, { recursive: true, force: true, maxRetries: 3 }); // a file may still be on its way out
  }
}

/** Blobs first, then the index: the index never names what is not there. */
async function admit(images: readonly ArchiveImage[], { layout, index }: Loading): Promise<readonly string[]> {
  const moved = new Set<string>();
  const descriptors: Descriptor[] = [];
  for (const { manifest, blobs, references } of images) {
    for (const [digest, file] of blobs) {
      if (moved.has(digest)) continue;
      await layout.adoptBlob(file.path, digest);
      moved.add(digest);
    }
    await layout.addBlob(manifest);
    descriptors.push(...named({ mediaType: Manifest.parse(JSON.parse(manifest.toString())).mediaType ?? MANIFEST_TYPE, digest: digestOf(manifest), size: manifest.length }, references));
  }
  await layout.syncBlobs();
  await index.add(descriptors);
  const idOf = (manifest: Buffer): string => index.catalog.byDigest(digestOf(manifest))?.image.id ?? digestOf(manifest);
  return [...new Set(images.flatMap(({ references, manifest }) => (references.length > 0 ? references : [idOf(manifest)])))];
}
