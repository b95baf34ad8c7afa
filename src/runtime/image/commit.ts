import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { committedConfig, withChange, type RunConfig } from './commit-config.ts';
import type { ContainerSpec } from '../../state/container.ts';
import type { ConfigFile } from './config.ts';
import type { Layout } from './layout.ts';
import { CONFIG_TYPE, LAYER_TYPE, Manifest, MANIFEST_TYPE, type Descriptor } from './oci.ts';
import { architecture } from './platform.ts';

/** An image that is made from a container. */
export interface CommitRequest {
  /** The image that the container was made from. */
  readonly base: string;
  readonly spec: ContainerSpec;
  /** What it has written over that, as a tar archive with whiteouts. */
  readonly layer: Readable;
  /** Whole name of the new image; null: none. */
  readonly reference: string | null;
  readonly author: string;
  readonly message: string;
  /** Instructions of a Dockerfile. */
  readonly changes: readonly string[];
}

/** An image that is made from an archive of files. */
export type ImportRequest = Pick<CommitRequest, 'layer' | 'reference' | 'message' | 'changes'>;

/** What an imported image begins with. */
export function emptyImage(): { readonly file: ConfigFile; readonly manifest: Manifest } {
  return {
    file: { architecture: architecture(), os: 'linux', rootfs: { type: 'layers', diff_ids: [] } },
    manifest: Manifest.parse({ schemaVersion: 2, mediaType: MANIFEST_TYPE, config: { mediaType: CONFIG_TYPE, digest: `sha256:${'0'.repeat(64)}`, size: 0 }, layers: [] }),
  };
}

/** Throws BayplanError `bad-request` for a change that is none. */
export function changedConfig(base: RunConfig, spec: ContainerSpec, changes: readonly string[]): RunConfig {
  return changes.reduce(withChange, committedConfig(base, spec));
}

export interface StoredBlob { readonly descriptor: Descriptor; readonly diffId: string }

/** Compresses a layer into the layout. What a failure leaves is removed. */
export async function storeLayer(layout: Layout, layer: Readable): Promise<StoredBlob> {
  const path = layout.incoming();
  const plain = createHash('sha256');
  const stored = createHash('sha256');
  let size = 0;
  try {
    await pipeline(layer, hashing((chunk) => plain.update(chunk)), createGzip(), hashing((chunk) => { stored.update(chunk); size += chunk.length; }), createWriteStream(path, { flags: 'wx', mode: 0o644, flush: true }));
    const digest = `sha256:${stored.digest('hex')}`;
    await layout.adoptBlob(path, digest);
    return { descriptor: { mediaType: `${LAYER_TYPE}+gzip`, digest, size }, diffId: `sha256:${plain.digest('hex')}` };
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

function hashing(take: (chunk: Buffer) => void): Transform {
  return new Transform({ transform: (chunk: Buffer, _encoding, done) => { take(chunk); done(null, chunk); } });
}

/** The documents of the new image. `created`: RFC 3339. */
export function committedDocuments(file: ConfigFile, manifest: Manifest, { descriptor, diffId }: StoredBlob, config: RunConfig, { author, message }: Pick<CommitRequest, 'author' | 'message'>, created: string): { readonly config: Buffer; manifestOf(config: Descriptor): Buffer } {
  const by = (config.Cmd ?? []).join(' ');
  const document = {
    ...file, created, author, comment: message, config,
    history: [...file.history ?? [], { created, created_by: by, ...(author === '' ? {} : { author }), ...(message === '' ? {} : { comment: message }) }],
    rootfs: { type: 'layers', diff_ids: [...file.rootfs.diff_ids, diffId] },
  };
  return {
    config: Buffer.from(JSON.stringify(document)),
    manifestOf: (described) => Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST_TYPE, config: { ...described, mediaType: CONFIG_TYPE }, layers: [...manifest.layers, descriptor] })),
  };
}
