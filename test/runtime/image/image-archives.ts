import { arch } from 'node:process';
import { INDEX_TYPE, MANIFEST_TYPE } from '../../../src/runtime/image/oci.ts';
import { sha256, tarBytes } from './tar-bytes.ts';

/** `layers` as they are stored; `diffIds` of the uncompressed ones where that is something else, or to lie; `document`: more of the config's document. */
interface Parts { readonly names: readonly string[]; readonly layers: readonly Buffer[]; readonly diffIds?: readonly string[]; readonly config?: object; readonly document?: object }

function configOf({ layers, diffIds, config, document }: Parts): Buffer {
  return Buffer.from(JSON.stringify({ architecture: platform(), os: 'linux', config: { Cmd: ['true'], ...config }, rootfs: { type: 'layers', diff_ids: diffIds ?? layers.map(sha256) }, ...document }));
}

/** What `docker save` writes. */
export function dockerArchive(parts: Parts): Buffer {
  const config = configOf(parts);
  const name = `${sha256(config).slice(7)}.json`;
  return tarBytes([
    ...parts.layers.map((content, i) => ({ name: `${i}/layer.tar`, content })),
    { name, content: config },
    { name: 'manifest.json', content: JSON.stringify([{ Config: name, RepoTags: parts.names, Layers: parts.layers.map((_, i) => `${i}/layer.tar`) }]) },
  ]);
}

/** An OCI layout as a tar; `foreign` wraps the manifest into an index that names another platform too. */
export function ociArchive(parts: Parts & { readonly leaveOut?: string; readonly foreign?: boolean }): Buffer {
  const config = configOf(parts);
  const descriptor = (bytes: Buffer, mediaType: string): object => ({ mediaType, digest: sha256(bytes), size: bytes.length });
  const manifest = Buffer.from(JSON.stringify({
    schemaVersion: 2, mediaType: MANIFEST_TYPE, config: descriptor(config, 'application/vnd.oci.image.config.v1+json'),
    layers: parts.layers.map((bytes) => descriptor(bytes, 'application/vnd.oci.image.layer.v1.tar+gzip')),
  }));
  const inner = Buffer.from(JSON.stringify({
    schemaVersion: 2, mediaType: INDEX_TYPE,
    manifests: [
      { mediaType: MANIFEST_TYPE, digest: sha256('elsewhere'), size: 9, platform: { architecture: 's390x', os: 'linux' } },
      { ...descriptor(manifest, MANIFEST_TYPE), platform: { architecture: platform(), os: 'linux' } },
    ],
  }));
  const top = parts.foreign === true ? descriptor(inner, INDEX_TYPE) : descriptor(manifest, MANIFEST_TYPE);
  const blobs = new Map([config, manifest, ...parts.layers, ...(parts.foreign === true ? [inner] : [])].map((bytes) => [sha256(bytes), bytes]));
  if (parts.leaveOut !== undefined) blobs.delete(parts.leaveOut);
  return tarBytes([
    { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
    { name: 'index.json', content: JSON.stringify({ schemaVersion: 2, manifests: parts.names.map((name) => ({ ...top, annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name.replace(/.*:/, '') } })) }) },
    ...[...blobs].map(([digest, content]) => ({ name: `blobs/sha256/${digest.slice(7)}`, content })),
  ]);
}

function platform(): string {
  return arch === 'x64' ? 'amd64' : arch;
}
