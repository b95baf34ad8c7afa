import type { Container, ContainerSpec, Identity } from '../state/container.ts';
import { mountsToShare } from '../state/mounts-to-share.ts';

/** The spec of a hook's container with what the container that it runs before mounts, anonymous volumes included, as `VolumesFrom` has it; others as they are. */
export function withReplicasMounts(containers: ReadonlyMap<string, Container>, { owner, stack, service, slot, generation }: Identity, spec: ContainerSpec): ContainerSpec {
  if (owner !== 'hook') return spec;
  const replica = [...containers.values()].find(({ identity }) => identity.owner === 'stack' && identity.stack === stack && identity.service === service && identity.slot === slot && identity.generation === generation);
  const shared = replica === undefined ? [] : mountsToShare(replica);
  const taken = new Set(shared.map(({ target }) => target));
  return { ...spec, mounts: [...shared, ...spec.mounts.filter((mount) => !taken.has(mount.target) && (mount.type !== 'volume' || mount.source !== null))] };
}
