import { link, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { create } from 'tar';
import { familiarReference, repositoryOf } from '../../state/image-reference.ts';
import { document } from './catalog.ts';
import { named } from './index-names.ts';
import type { Layout } from './layout.ts';
import { INDEX_TYPE, Manifest, REF_NAME, type Descriptor } from './oci.ts';

/**
 * Images, as names by manifest digest, as `docker save` of Docker 25 and later writes them: an OCI layout with a `manifest.json` for older readers beside its index. `staging` gets
 * links to the blobs, so that they can be read to the end whatever is removed meanwhile.
 */
export async function saveArchive(layout: Layout, images: ReadonlyMap<string, readonly string[]>, staging: string): Promise<Readable> {
  const folder = join(staging, 'blobs/sha256');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const blobs = new Set<string>();
  const index: Descriptor[] = [];
  const dockerManifests: object[] = [];
  for (const [digest, references] of images) {
    const manifest = document(layout, digest, Manifest);
    for (const each of [digest, manifest.config.digest, ...manifest.layers.map((layer) => layer.digest)]) blobs.add(each);
    const plain = { ...(manifest.mediaType === undefined ? {} : { mediaType: manifest.mediaType }), digest, size: layout.readBlob(digest).length };
    index.push(...named(plain, references).map(withTag));
    dockerManifests.push({ Config: blobName(manifest.config.digest), RepoTags: references.length === 0 ? null : references.map(familiarReference), Layers: manifest.layers.map((layer) => blobName(layer.digest)) });
  }
  for (const digest of blobs) await link(layout.blobPath(digest), join(staging, blobName(digest)));
  const documents = {
    'oci-layout': { imageLayoutVersion: '1.0.0' },
    'index.json': { schemaVersion: 2, mediaType: INDEX_TYPE, manifests: index },
    'manifest.json': dockerManifests,
  };
  for (const [name, value] of Object.entries(documents)) await writeFile(join(staging, name), JSON.stringify(value));
  return Readable.from(create({ cwd: staging, portable: true, strict: true, mtime: new Date(0) }, [...Object.keys(documents), ...[...blobs].map(blobName)]));
}

/** Other programs look for the bare tag in `ref.name`. */
function withTag(descriptor: Descriptor): Descriptor {
  const name = descriptor.annotations?.[REF_NAME];
  return name === undefined ? descriptor : { ...descriptor, annotations: { ...descriptor.annotations, [REF_NAME]: name.slice(repositoryOf(name).length + 1) } };
}

function blobName(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}
