import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { Paths } from '../../state/paths.ts';
import type { ContainerFiles } from './bundle-files.ts';

/**
 * What can still be told of a container whose record this engine cannot read: from the record, as far as it goes, and from the bundle, where it has been started since the
 * machine was. Null: that cannot be told, and may be anything.
 */
export interface AsideContainer {
  readonly id: string;
  /** '': not known. */
  readonly name: string;
  readonly stack: string | null;
  readonly imageIds: readonly string[] | null;
  readonly volumes: readonly string[] | null;
  readonly addresses: readonly string[];
}

const Text = z.string().optional().catch(undefined);
const Texts = z.record(z.string(), z.string()).optional().catch(undefined);

/** A record of any version, also of one that is yet to come: each field may be missing. */
const Record = z.looseObject({
  name: Text,
  identity: z.looseObject({ stack: Text }).optional().catch(undefined),
  spec: z.looseObject({
    imageId: Text, mounts: z.array(z.looseObject({ type: Text, source: Text })).optional().catch(undefined),
  }).optional().catch(undefined),
  addresses: Texts, ipv6Addresses: Texts, anonymousVolumes: Texts, mountedImages: Texts,
}).catch({});

const Bundle = z.looseObject({ annotations: Texts, mounts: z.array(z.looseObject({ source: Text })).optional().catch(undefined) }).catch({});

export function asideContainer(paths: Paths, id: string, files: ContainerFiles): AsideContainer {
  const text = read(files.fresh) || read(files.record);
  const record = Record.parse(parsed(text));
  const bundle = Bundle.parse(parsed(read(files.config)));
  const { annotations } = bundle;
  const addresses = [...Object.values(record.addresses ?? {}), ...Object.values(record.ipv6Addresses ?? {})];
  return {
    id, addresses: addresses.length > 0 ? addresses : addressesOf(read(files.hosts)),
    name: record.name ?? annotations?.['io.bayplan.name'] ?? beginning(text, 'name') ?? '',
    stack: record.identity?.stack ?? annotations?.['io.bayplan.stack'] ?? beginning(text, 'stack') ?? null,
    imageIds: imagesOf(record, annotations), volumes: volumesOf(record) ?? mountedVolumes(paths, bundle),
  };
}

function imagesOf({ spec, mountedImages }: z.infer<typeof Record>, annotations: Readonly<Record<string, string>> | undefined): readonly string[] | null {
  if (spec?.imageId !== undefined && mountedImages !== undefined) return [spec.imageId, ...Object.values(mountedImages)];
  const images = annotations?.['io.bayplan.images'];
  return images === undefined ? null : images.split(' ');
}

function volumesOf({ spec, anonymousVolumes }: z.infer<typeof Record>): readonly string[] | null {
  if (spec?.mounts === undefined || anonymousVolumes === undefined) return null;
  return [...spec.mounts.flatMap(({ type, source }) => (type === 'volume' && source !== undefined ? [source] : [])), ...Object.values(anonymousVolumes)];
}

function mountedVolumes(paths: Paths, { mounts }: z.infer<typeof Bundle>): readonly string[] | null {
  const below = join(paths.volumes, '/');
  return mounts?.flatMap(({ source }) => (source?.startsWith(below) === true ? source.slice(below.length).split('/')[0] ?? [] : [])) ?? null;
}

/** Of the lines that a hosts file of ours ends with: those after the fixed ones. What others had written into it does no harm: it is in no network. */
function addressesOf(hosts: string): readonly string[] {
  return hosts.split('\n').map((line) => line.split('\t')[0] ?? '').filter((address) => address !== '' && !/^(127\.|::1$|fe00::|ff02::)/.test(address));
}

/** The first string of that name in a record that breaks off. */
function beginning(text: string, field: string): string | undefined {
  return new RegExp(`"${field}":"([^"\\\\]*)"`).exec(text)?.[1];
}

/** '' where there is nothing to be had. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it is set aside because of that already
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // tells nothing
  }
}
