import type { ContainerSpec } from '../state/container.ts';
import { firstContainerOf } from './network-mode.ts';
import type { Project } from './project.ts';
import type { ServiceConfig } from './service-schema.ts';
import type { VolumeConfig } from './volume-spec.ts';

type Services = Readonly<Record<string, ServiceConfig>>;

/** One of `volumes_from`: `SERVICE[:ro|rw]`, or `container:NAME[:ro|rw]`. */
export function parseVolumesFrom(text: string): { readonly container: boolean; readonly name: string; readonly readOnly: boolean } {
  const parts = text.split(':');
  const container = parts[0] === 'container' && parts.length > 1;
  const [name = '', mode = 'rw'] = container ? parts.slice(1) : parts;
  return { container, name, readOnly: mode === 'ro' };
}

/**
 * A service's mounts with those of the services in its `volumes_from`, and of theirs; its own come first at a target. Services that share in a circle
 * were refused before: `volumes_from` is a dependency.
 */
export function mountsWithShared(service: ServiceConfig, services: Services): readonly VolumeConfig[] {
  const shared = (service.volumes_from ?? []).map(parseVolumesFrom).flatMap(({ name, readOnly }) => {
    const other = services[name];
    return other === undefined ? [] : mountsWithShared(other, services).filter(isShared).map((mount) => (readOnly ? { ...mount, read_only: true } : mount));
  });
  const byTarget = new Map([...(service.volumes ?? []), ...shared].toReversed().map((mount) => [mount.target, mount]));
  return [...byTarget.values()].toReversed();
}

/** A tmpfs is each container's own, as in Docker; the name of an anonymous volume is known once its container is there. */
function isShared({ type, source }: VolumeConfig): boolean {
  return type !== 'tmpfs' && source !== undefined;
}

/** The containers that are looked at when this one is made, for what no file says: anonymous volumes, those of images, and all of a container that is none of the stack's. */
export function volumesFromOf(service: ServiceConfig, project: Pick<Project, 'name' | 'services'>): ContainerSpec['volumesFrom'] {
  return (service.volumes_from ?? []).map(parseVolumesFrom).map(({ container, name, readOnly }) => ({ container: container ? name : firstContainerOf(name, project), readOnly }));
}
