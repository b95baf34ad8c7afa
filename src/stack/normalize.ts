import type { ServiceConfig } from './service-schema.ts';
import { parseVolumesFrom } from './volumes-from.ts';

type DependsOn = NonNullable<ServiceConfig['depends_on']>;

/** What a service leaves unsaid: the default network, and the dependencies that follow from what it shares with others. */
export function normalizeService(service: ServiceConfig): ServiceConfig {
  const implied: Record<string, DependsOn[string]> = {};
  for (const name of sharedServices(service)) implied[name] = { condition: 'service_started', required: true, restart: true };
  for (const from of service.volumes_from ?? []) {
    const { container, name } = parseVolumesFrom(from);
    if (!container) implied[name] ??= { condition: 'service_started', required: true, restart: false };
  }
  const dependsOn = { ...implied, ...service.depends_on };
  // A container made anew has another namespace: whoever shares it has to follow, whatever else was said of the dependency.
  const home = dependsOn[serviceOf(service.network_mode) ?? ''];
  if (home !== undefined) dependsOn[serviceOf(service.network_mode) ?? ''] = { ...home, restart: true };
  return {
    ...service,
    ...(service.build === undefined ? {} : { build: { ...(service.build.dockerfile_inline === undefined ? { dockerfile: 'Dockerfile' } : {}), ...service.build } }),
    ...(Object.keys(dependsOn).length > 0 ? { depends_on: dependsOn } : {}),
    ...(service.network_mode === undefined && service.networks === undefined && service.provider === undefined ? { networks: { default: null } } : {}),
  };
}

/** Services whose namespaces or aliases this one uses: `links`, and `service:x` of a namespace. */
export function sharedServices(service: ServiceConfig): string[] {
  const modes = [service.network_mode, service.ipc, service.pid, service.uts, service.cgroup];
  const shared = modes.flatMap((mode) => serviceOf(mode) ?? []);
  return [...(service.links ?? []).map((link) => link.split(':')[0] ?? ''), ...shared];
}

/** The service that `service:x` names. */
export function serviceOf(mode: string | null | undefined): string | null {
  return mode?.startsWith('service:') === true ? mode.slice('service:'.length) : null;
}
