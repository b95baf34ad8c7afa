import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { ContainerSpec, Grant, Identity } from '../../state/container.ts';
import type { ImageStatus } from '../../state/image.ts';
import type { ResolvedMount } from './bundle.ts';

/**
 * Targets that get an anonymous volume: mounts without a source, and the image's VOLUMEs that nothing else is mounted on. The name follows from
 * the identity, so that a new generation of a stack's container finds the data of the one before; the API's containers get one by id.
 */
export function anonymousVolumes(id: string, identity: Identity, spec: ContainerSpec, image: ImageStatus): Readonly<Record<string, string>> {
  const targets = spec.mounts.filter((mount) => mount.type === 'volume' && mount.source === null).map((mount) => mount.target);
  const taken = new Set(spec.mounts.map((mount) => mount.target.replace(/\/+$/, '')));
  for (const target of image.config.volumes) if (!taken.has(target.replace(/\/+$/, ''))) targets.push(target);
  const owner = identity.owner === 'stack' ? `${identity.stack}/${identity.service}/${identity.slot}` : id;
  return Object.fromEntries(targets.map((target) => [target, createHash('sha256').update(`${owner}:${target}`).digest('hex')]));
}

/** What is mounted into the container, in the order of its targets' depth: volumes resolved to host folders, `contents` the folder of configs and secrets. */
export function resolveMounts(
  name: string,
  spec: ContainerSpec,
  anonymous: Readonly<Record<string, string>>,
  mountpoint: (volume: string) => string,
  contents: string,
  /** By reference, the folders of an image's layers, lowest first. */
  images: Readonly<Record<string, readonly string[]>> = {},
): readonly ResolvedMount[] {
  const resolved: ResolvedMount[] = spec.mounts.map((mount) => {
    const common = { target: mount.target, recursive: 'enabled', size: null, mode: null, options: [] } as const;
    if (mount.type === 'tmpfs') {
      return { ...common, type: 'tmpfs', source: 'tmpfs', readOnly: false, propagation: '', size: mount.size, mode: mount.mode, options: mount.options };
    }
    if (mount.type === 'image') {
      const layers = images[mount.source];
      if (layers === undefined) throw new BayplanError('image-not-found', `container ${name}: image ${mount.source} for ${mount.target} is not in the store: pull it with "bayplan pull ${mount.source}"`);
      return { ...common, type: 'image', source: layers.toReversed().join(':'), readOnly: true, propagation: '', options: mount.subpath === '' ? [] : [`subpath=${mount.subpath}`] };
    }
    if (mount.type === 'bind') {
      // Whether the source is there is seen by the container's own set-up, which may hang there and be killed: a server may be dead.
      return { ...common, type: 'bind', source: mount.source, readOnly: mount.readOnly, propagation: mount.propagation, recursive: mount.recursive, options: mount.createHostPath ? ['create'] : [] };
    }
    const volume = mount.source ?? anonymous[mount.target];
    if (volume === undefined) throw new BayplanError('not-found', `container ${name}: no volume for ${mount.target}`);
    // A subpath is opened inside the volume by the core, never joined here: a container may have made it a link.
    return { ...common, type: 'bind', source: mountpoint(volume), readOnly: mount.readOnly, propagation: '', options: mount.subpath === '' ? [] : [`subpath=${mount.subpath}`] };
  });
  const asked = new Set(spec.mounts.map((mount) => mount.target));
  for (const [target, volume] of Object.entries(anonymous)) {
    if (asked.has(target)) continue;
    resolved.push({ type: 'bind', source: mountpoint(volume), target, readOnly: false, propagation: '', recursive: 'enabled', size: null, mode: null, options: [] });
  }
  resolved.push(...spec.contents.map((grant) => contentMount(name, grant, contents)));
  const depth = (mount: ResolvedMount): number => mount.target.split('/').filter((part) => part !== '').length;
  return resolved.map((mount, at) => ({ mount, at })).sort((a, b) => depth(a.mount) - depth(b.mount) || a.at - b.at).map(({ mount }) => mount);
}

function contentMount(container: string, { name, digest, target, uid, gid, mode }: Grant, folder: string): ResolvedMount {
  const source = join(folder, digest);
  if (digest === '' || !existsSync(source)) throw new BayplanError('content-missing', `container ${container}: ${name} is not in the engine's store: bring the stack up again`);
  return { type: 'content', source, target, readOnly: true, propagation: '', recursive: 'enabled', size: null, mode: null, options: [`uid=${uid}`, `gid=${gid}`, `mode=${mode.toString(8)}`] };
}
