import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type * as z from 'zod';
import { BayplanError } from '../../state/bayplan-error.ts';
import { normalizeReference } from '../../state/image-reference.ts';
import { bad, type StagedArchive, type StagedFile } from './archive.ts';
import { chainIds } from './chain-id.ts';
import { configMistake } from './config-mistake.ts';
import { ConfigFile } from './config.ts';
import type { Layer } from './layer-store.ts';
import { CONFIG_TYPE, DockerManifests, IMAGE_NAME, Index, isIndex, LAYER_TYPE, Manifest, MANIFEST_TYPE, REF_NAME, type Descriptor } from './oci.ts';
import { architecture, forThisMachine } from './platform.ts';

/** An image of an archive: its documents checked against each other, its blobs where they are staged. */
export interface ArchiveImage {
  /** Normalised; none: known by its ID alone. */
  readonly references: readonly string[];
  /** The manifest's exact bytes. */
  readonly manifest: Buffer;
  /** Lowest first. */
  readonly layers: readonly Layer[];
  /** Config and layers by digest. */
  readonly blobs: ReadonlyMap<string, StagedFile>;
}

/** The images of an OCI layout or a `docker save` archive. Throws BayplanError `bad-archive`. */
export async function archiveImages(archive: StagedArchive): Promise<readonly ArchiveImage[]> {
  if (archive.get('oci-layout') !== undefined && archive.get('index.json') !== undefined) return ociImages(archive);
  if (archive.get('manifest.json') !== undefined) return dockerImages(archive);
  throw bad('it holds neither an OCI layout (oci-layout, index.json) nor what docker save writes (manifest.json)');
}

async function ociImages(archive: StagedArchive): Promise<readonly ArchiveImage[]> {
  const index = await document(archive, 'index.json', Index);
  const images: ArchiveImage[] = [];
  for (const top of index.manifests) {
    const descriptor = await forThisPlatform(archive, top, 0);
    if (descriptor === null) continue;
    blobOf(archive, descriptor);
    const name = top.annotations?.[IMAGE_NAME] ?? top.annotations?.[REF_NAME];
    const manifest = await document(archive, blobName(descriptor), Manifest);
    const config = await usableConfig(archive, blobName(manifest.config), name ?? descriptor.digest);
    if (config.rootfs.diff_ids.length !== manifest.layers.length) throw bad(`manifest ${descriptor.digest} has ${manifest.layers.length} layers, its config ${config.rootfs.diff_ids.length}`);
    images.push({
      references: name === undefined ? [] : [normalizeReference(name)],
      manifest: Buffer.from(await archive.read(blobName(descriptor))),
      layers: placed(manifest.layers.map((layer) => blobOf(archive, layer)), config.rootfs.diff_ids),
      blobs: new Map([manifest.config, ...manifest.layers].map((blob) => [blob.digest, blobOf(archive, blob)])),
    });
  }
  if (images.length === 0) throw bad(`it holds no image for linux/${architecture()}`);
  return images;
}

/** Follows an index (of several platforms) to this machine's manifest. */
async function forThisPlatform(archive: StagedArchive, descriptor: Descriptor, depth: number): Promise<Descriptor | null> {
  if (forThisMachine([descriptor]).length === 0) return null;
  if (!isIndex(descriptor)) return descriptor;
  if (depth > 3) throw bad('its indexes are nested too deeply');
  blobOf(archive, descriptor);
  for (const inner of forThisMachine((await document(archive, blobName(descriptor), Index)).manifests)) {
    const found = await forThisPlatform(archive, inner, depth + 1);
    if (found !== null) return found;
  }
  return null;
}

async function dockerImages(archive: StagedArchive): Promise<readonly ArchiveImage[]> {
  const images: ArchiveImage[] = [];
  for (const { Config, RepoTags, Layers } of await document(archive, 'manifest.json', DockerManifests)) {
    const config = await usableConfig(archive, Config, RepoTags?.[0] ?? Config);
    const configFile = staged(archive, Config);
    const named = /^(?:blobs\/sha256\/)?([0-9a-f]{64})(?:\.json)?$/.exec(Config)?.[1];
    if (named !== undefined && configFile.digest !== `sha256:${named}`) throw bad(`config ${Config} has the digest ${configFile.digest}: the archive was changed or is damaged`);
    const { diff_ids: diffIds } = config.rootfs;
    if (diffIds.length !== Layers.length) throw bad(`manifest.json names ${Layers.length} layers, config ${Config} ${diffIds.length}`);
    const layers: { file: StagedFile; mediaType: string }[] = [];
    for (const [position, name] of Layers.entries()) {
      const file = staged(archive, name);
      const suffix = await compression(file);
      // A compressed layer shows its diff ID when it is unpacked.
      if (suffix === '' && file.digest !== diffIds[position]) throw bad(`layer ${name} has the digest ${file.digest}, its config says ${diffIds[position] ?? 'nothing'}: the archive was changed or is damaged`);
      layers.push({ file, mediaType: `${LAYER_TYPE}${suffix}` });
    }
    const manifest = {
      schemaVersion: 2, mediaType: MANIFEST_TYPE,
      config: { mediaType: CONFIG_TYPE, digest: configFile.digest, size: configFile.size },
      layers: layers.map(({ file, mediaType }) => ({ mediaType, digest: file.digest, size: file.size })),
    };
    images.push({
      references: (RepoTags ?? []).map(normalizeReference),
      manifest: Buffer.from(JSON.stringify(manifest)),
      layers: placed(layers.map(({ file }) => file), diffIds),
      blobs: new Map([configFile, ...layers.map(({ file }) => file)].map((file) => [file.digest, file])),
    });
  }
  if (images.length === 0) throw bad('manifest.json names no image');
  return images;
}

function placed(files: readonly StagedFile[], diffIds: readonly string[]): readonly Layer[] {
  const chain = chainIds(diffIds);
  return files.map(({ digest, path }, position) => ({ digest, blob: path, diffId: diffIds[position] ?? '', chainId: chain[position] ?? '' }));
}

async function compression(file: StagedFile): Promise<'' | '+gzip' | '+zstd'> {
  const handle = await open(file.path, 'r');
  try {
    const head = Buffer.alloc(4);
    await handle.read(head, 0, 4, 0);
    if (head.readUInt16BE(0) === 0x1f8b) return '+gzip';
    return head.readUInt32LE(0) === 0xfd2fb528 ? '+zstd' : '';
  } finally {
    await handle.close();
  }
}

/** The config of an image that containers can be made from here; `image`: what the archive calls it. */
async function usableConfig(archive: StagedArchive, name: string, image: string): Promise<ConfigFile> {
  const config = await document(archive, name, ConfigFile);
  const mistake = configMistake(config);
  if (mistake !== null) throw bad(`image ${image} cannot be used: ${mistake}`);
  return config;
}

async function document<T>(archive: StagedArchive, name: string, schema: z.ZodType<T>): Promise<T> {
  const text = await archive.read(name);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw bad(`${name} is not JSON`, cause);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw bad(`${name}: ${issue === undefined ? 'wrong shape' : [...(issue.path.length === 0 ? [] : [issue.path.join('.')]), issue.message].join(': ')}`, parsed.error);
}

function staged(archive: StagedArchive, name: string): StagedFile {
  const file = archive.get(name);
  if (file === undefined) throw bad(`${name} is missing`);
  return file;
}

/** Digests of blobs were checked against their names while they were staged; a descriptor adds the size. */
function blobOf(archive: StagedArchive, descriptor: Descriptor): StagedFile {
  const file = archive.get(blobName(descriptor));
  if (file === undefined) throw new BayplanError('bad-archive', `not a usable image archive: blob ${descriptor.digest} is missing`);
  if (file.size !== descriptor.size) throw bad(`blob ${descriptor.digest} has ${file.size} bytes, its descriptor says ${descriptor.size}`);
  return file;
}

function blobName(descriptor: Descriptor): string {
  return `blobs/sha256/${descriptor.digest.slice('sha256:'.length)}`;
}

export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
