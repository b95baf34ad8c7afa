import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { ContainerSpec, Identity } from '../../state/container.ts';
import type { ImageStatus } from '../../state/image.ts';
import { mountedImages as imagesMountedBy } from '../../state/images-used.ts';
import { specProblems } from '../../state/spec-problems.ts';
import { ANONYMOUS_VOLUME } from '../../state/volume.ts';
import { OWN_RUNTIME } from '../foreign/runtimes.ts';
import { type ContainerFiles, filesOf } from './bundle-files.ts';
import { chooseUsers } from './choose-users.ts';
import type { ContainerContext } from './container-context.ts';
import { CONTAINER_RECORD_VERSION, type ContainerRecord } from './record.ts';
import type { Users } from './users.ts';
import { anonymousVolumes, resolveMounts } from './resolve-mounts.ts';

/** What a container is made from. `mountedImages`: by reference, the config digests of the images that it mounts. */
export interface Making {
  readonly name: string;
  readonly identity: Identity;
  readonly spec: ContainerSpec;
  readonly image: ImageStatus;
  readonly mountedImages: Readonly<Record<string, string>>;
  readonly users: Users | null;
}

/**
 * What a container is made from, once it is known to be possible; changes nothing. `taken`: users that others have. Throws BayplanError `bad-request`, `image-not-found` (of an image that
 * it mounts that is said where the mounts are resolved) or what a runtime or users that cannot be had are refused with.
 */
export function checkMaking({ images, runtimes, users }: ContainerContext, { name, identity, spec }: Pick<Making, 'name' | 'identity' | 'spec'>, taken: () => readonly Users[]): Making {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) throw new BayplanError('bad-request', `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`); // in Docker's words
  const [problem] = specProblems(spec);
  if (problem !== undefined) throw new BayplanError('bad-request', `container ${name}: ${problem.text}`);
  runtimes.find(spec.runtime);
  const image = images.find(spec.imageId === '' ? spec.image : spec.imageId);
  if (image === null) throw new BayplanError('image-not-found', `container ${name}: image ${spec.image} is not in the store: load it with "bayplan load FILE"`);
  const mountedImages = Object.fromEntries(imagesMountedBy(spec).flatMap((reference) => {
    const found = images.find(reference);
    return found === null ? [] : [[reference, found.id]];
  }));
  return { name, identity, spec, image, mountedImages, users: chooseUsers(name, identity, spec, users, taken) };
}

/**
 * Makes what a container has from its creation on: volumes with their first content, addresses, folders, record. `claim` is told of its anonymous volumes before they are made,
 * `keep` of the record at the end; where either throws, or anything else, addresses are given back, and folders and the anonymous volumes that were made are removed.
 */
export async function makeContainer(
  context: ContainerContext, { name, identity, spec, image, mountedImages, users }: Making,
  claim: (anonymousVolumes: Readonly<Record<string, string>>) => void, keep: (record: ContainerRecord, files: ContainerFiles) => void,
): Promise<void> {
  const { images, networks, volumes, storage, paths, now } = context;
  const runtime = context.runtimes.nameOf(spec.runtime);
  if (users !== null && runtime !== OWN_RUNTIME) throw new BayplanError('not-built', `container ${name}: users of its own are for containers of the engine's own runtime: leave userns or runtime out`);
  const layers = await images.layers(image.id);
  const id = randomBytes(32).toString('hex');
  const files = filesOf(paths, id, spec.cgroupParent);
  const anonymous = anonymousVolumes(id, identity, spec, image);
  claim(anonymous);
  const made: string[] = [];
  const addresses: Record<string, string> = {};
  const ipv6Addresses: Record<string, string> = {};
  try {
    for (const [network, { ipv4Address, ipv6Address }] of Object.entries(spec.networks)) {
      const { ipv4, ipv6 } = networks.allocate(network, id, { ipv4: ipv4Address, ipv6: ipv6Address });
      addresses[network] = ipv4;
      if (ipv6 !== '') ipv6Addresses[network] = ipv6;
    }
    for (const volume of Object.values(anonymous)) {
      if (!volumes.list().has(volume)) made.push(volume);
      await volumes.create(volume, identity.stack, { driver: 'local', external: false, driverOpts: {}, labels: { [ANONYMOUS_VOLUME]: '' } });
    }
    resolveMounts(name, spec, anonymous, (volume) => volumes.mountpoint(volume), paths.contents, await mountedLayers(context, mountedImages)); // a volume or content that is missing is said here
    await copyUp(context, spec, anonymous, layers); // last of what may fail for the user's reasons: it fills others' volumes
    mkdirSync(files.state, { mode: 0o700 });
    await storage.makeRoot(files, layers);
    if (users !== null) await storage.giveRoot(files, null, users);
    keep({
      version: CONTAINER_RECORD_VERSION, id, name, identity, spec: { ...spec, imageId: image.id }, pending: null, createdAt: now(), storage: storage.name, runtime, addresses, ipv6Addresses, joined: [], anonymousVolumes: anonymous, mountedImages, users, giving: null,
      error: '', errorCode: 0,
    }, files);
  } catch (error) {
    for (const network of Object.keys(addresses)) await networks.release(network, id);
    await rm(files.state, { recursive: true, force: true });
    claim({}); // else they would be in use by what is not made
    for (const volume of made) await volumes.remove(volume);
    throw error;
  }
}

/** By reference, the folders of the layers of the images that are mounted, lowest first. */
export async function mountedLayers({ images, paths, storage }: ContainerContext, mounted: Readonly<Record<string, string>>): Promise<Readonly<Record<string, readonly string[]>>> {
  return Object.fromEntries(await Promise.all(Object.entries(mounted).map(async ([reference, id]) => {
    const layers = (await images.layers(id)).map((layer) => join(paths.layers, layer));
    return [reference, storage.whole ? layers.slice(-1) : layers] as const;
  })));
}

async function copyUp({ volumes, storage }: ContainerContext, spec: ContainerSpec, anonymous: Readonly<Record<string, string>>, layers: readonly string[]): Promise<void> {
  const targets = new Map(Object.entries(anonymous));
  for (const mount of spec.mounts) {
    if (mount.type === 'volume' && mount.source !== null && !mount.nocopy && mount.subpath === '') targets.set(mount.target, mount.source);
  }
  if (targets.size === 0) return;
  await storage.withImage(layers, async (folders) => {
    for (const [target, volume] of targets) await volumes.copyUp(volume, folders, target);
  });
}
