import type * as z from 'zod';
import { BayplanError } from '../../../state/bayplan-error.ts';
import { configMistake } from '../config-mistake.ts';
import { ConfigFile } from '../config.ts';
import { CONFIG_TYPE, DOCKER_INDEX_TYPE, DOCKER_MANIFEST_TYPE, Index, INDEX_TYPE, Manifest, MANIFEST_TYPE, type Descriptor } from '../oci.ts';

export const MANIFEST_TYPES: readonly string[] = [MANIFEST_TYPE, DOCKER_MANIFEST_TYPE];
export const INDEX_TYPES: readonly string[] = [INDEX_TYPE, DOCKER_INDEX_TYPE];

export type TopDocument = { readonly kind: 'index'; readonly index: Index } | { readonly kind: 'manifest'; readonly manifest: Manifest };

/**
 * Reads what a registry gave as a manifest: type and content have to say the same, so that nobody else reads another image in these bytes
 * (image specification, "Ambiguity"). Throws BayplanError `bad-image`.
 */
export function readTop(bytes: Buffer, contentType: string, what: string): TopDocument {
  const value = parse(bytes, what);
  const inside = 'mediaType' in value ? String(value.mediaType) : contentType;
  if (inside !== contentType) throw bad(what, `it is sent as ${contentType} and says itself that it is ${inside}`);
  if ('manifests' in value && 'layers' in value) throw bad(what, 'it is an index and a manifest at once');
  if (INDEX_TYPES.includes(contentType)) return { kind: 'index', index: shaped(value, Index, what) };
  if (MANIFEST_TYPES.includes(contentType)) return { kind: 'manifest', manifest: shaped(value, Manifest, what) };
  if (/\.v1\+(json|prettyjws)$/.test(contentType) && contentType.includes('docker')) throw bad(what, 'the registry has it only in Docker\'s schema 1 of before 2016: have it pushed again');
  throw bad(what, `it is sent as ${contentType === '' ? 'nothing that has a type' : contentType}, which is no image manifest`);
}

/** An image's config, checked against its manifest and this machine. */
export function readConfig(bytes: Buffer, manifest: Manifest, what: string): ConfigFile {
  const config = shaped(parse(bytes, what), ConfigFile, what);
  const { diff_ids: diffIds } = config.rootfs;
  if (diffIds.length !== manifest.layers.length) throw bad(what, `its manifest has ${manifest.layers.length} layers, its config ${diffIds.length}`);
  const mistake = configMistake(config);
  if (mistake !== null) throw bad(what, mistake);
  return config;
}

/** An artifact of another kind, such as a chart, is no image though its layers may look like one's. What else Docker takes: registries of before gave no type of their own to configs. */
export function checkConfigType({ mediaType = '' }: Descriptor, what: string): void {
  if (!CONFIG_TYPES.includes(mediaType)) throw bad(what, `its config is ${mediaType}: it is an artifact of another kind, not an image`);
}

const CONFIG_TYPES: readonly string[] = [CONFIG_TYPE, 'application/vnd.docker.container.image.v1+json', 'application/octet-stream', 'text/html; charset=utf-8', ''];

/** Layers that are no part of a container's file system, such as models and charts, or that cannot be read. */
export function checkLayer({ mediaType = '', digest }: Descriptor, what: string): void {
  // What may not be handed on (base images of Windows once) is to be had all the same, where the registry has it.
  const plain = /^application\/vnd\.(oci\.image\.layer\.(nondistributable\.)?v1\.tar(\+gzip|\+zstd)?|docker\.image\.rootfs\.(foreign\.)?diff\.tar(\.gzip|\.zstd)?)$/;
  if (!plain.test(mediaType)) throw bad(what, `layer ${digest} is ${mediaType === '' ? 'of no type' : mediaType}, not a layer that can be unpacked`);
}

function parse(bytes: Buffer, what: string): object {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    throw bad(what, 'it is not JSON');
  }
  throw bad(what, 'it is no JSON object');
}

function shaped<T>(value: unknown, schema: z.ZodType<T>, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw bad(what, issue === undefined ? 'wrong shape' : [...(issue.path.length === 0 ? [] : [issue.path.join('.')]), issue.message].join(': '));
}

export function bad(what: string, why: string): BayplanError {
  return new BayplanError('bad-image', `${what} cannot be used: ${why}`);
}
