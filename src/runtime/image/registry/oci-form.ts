import { digestOf } from '../archive-images.ts';
import { CONFIG_TYPE, DOCKER_MANIFEST_TYPE, LAYER_TYPE, MANIFEST_TYPE, type Descriptor, type Manifest } from '../oci.ts';
import type { FetchedManifest } from './repository.ts';

/**
 * A manifest as an OCI layout holds it, where other programs look for OCI's types alone: one of Docker's in OCI's words. Config and layers, and so the
 * image's ID, are the same.
 */
export function ociForm(fetched: FetchedManifest, manifest: Manifest): { readonly bytes: Buffer; readonly descriptor: Descriptor } {
  const bytes = fetched.contentType === DOCKER_MANIFEST_TYPE ? Buffer.from(JSON.stringify(inOciWords(manifest))) : fetched.bytes;
  return { bytes, descriptor: { mediaType: MANIFEST_TYPE, digest: digestOf(bytes), size: bytes.length } };
}

function inOciWords({ config, layers }: Manifest): Manifest {
  return {
    schemaVersion: 2, mediaType: MANIFEST_TYPE, config: { mediaType: CONFIG_TYPE, digest: config.digest, size: config.size },
    layers: layers.map(({ mediaType = '', digest, size }) => ({ mediaType: `${LAYER_TYPE}${/\.(gzip|zstd)$/.exec(mediaType)?.[0].replace('.', '+') ?? ''}`, digest, size })),
  };
}
