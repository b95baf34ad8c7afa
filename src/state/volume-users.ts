import type { Container, ContainerSpec } from './container.ts';

/** Full names of the volumes that a container uses. `anonymous`: target → the volume that serves it there. */
export function volumesUsedBy(spec: Pick<ContainerSpec, 'mounts'>, anonymous: Readonly<Record<string, string>>): readonly string[] {
  const named = spec.mounts.flatMap((mount) => (mount.type === 'volume' && mount.source !== null ? [mount.source] : []));
  return [...new Set([...named, ...Object.values(anonymous)])];
}

/** Volume → names of the containers that use it, whether they run or not. */
export function volumeUsers(containers: ReadonlyMap<string, Container>): ReadonlyMap<string, readonly string[]> {
  const users = new Map<string, string[]>();
  for (const [name, { spec, status }] of containers) {
    for (const volume of volumesUsedBy(spec, status?.anonymousVolumes ?? {})) users.set(volume, [...(users.get(volume) ?? []), name]);
  }
  return users;
}
