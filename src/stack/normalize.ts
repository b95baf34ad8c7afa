import type { ServiceConfig } from './service-schema.ts';
import type { Lookup } from './template.ts';
import { parseVolumesFrom } from './volumes-from.ts';

type DependsOn = NonNullable<ServiceConfig['depends_on']>;

/** What a service leaves unsaid: the default network, and the dependencies that follow from what it shares with others. */
export function normalizeService(service: ServiceConfig, lookup: Lookup): ServiceConfig {
  const implied: Record<string, DependsOn[string]> = {};
  for (const name of sharedServices(service)) implied[name] = { condition: 'service_started', required: true, restart: true };
  for (const from of service.volumes_from ?? []) {
    const { container, name } = parseVolumesFrom(from);
    if (!container) implied[name] ??= { condition: 'service_started', required: true, restart: false };
  }
  const dependsOn = { ...implied, ...service.depends_on };
  return {
    ...service,
    ...(service.pull_policy === 'if_not_present' ? { pull_policy: 'missing' } : {}),
    ...(service.build === undefined ? {} : { build: normalizeBuild(service.build, lookup) }),
    ...(service.pre_start === undefined ? {} : { pre_start: service.pre_start.map((hook) => ({ ...hook, ...(hook.image === undefined && (service.image ?? '') !== '' ? { image: service.image } : {}) })) }),
    ...(Object.keys(dependsOn).length > 0 ? { depends_on: dependsOn } : {}),
    ...(service.network_mode === undefined && Object.keys(service.networks ?? {}).length === 0 && service.provider === undefined ? { networks: { default: null } } : {}),
  };
}

function normalizeBuild({ args, ...build }: NonNullable<ServiceConfig['build']>, lookup: Lookup): NonNullable<ServiceConfig['build']> {
  // An argument without a value has that of the environment, or is none.
  const given = Object.entries(args ?? {}).flatMap(([name, value]): [string, string][] => {
    const found = value ?? lookup(name);
    return found === undefined ? [] : [[name, found]];
  });
  const named = build.dockerfile !== undefined || build.dockerfile_inline !== undefined;
  return { ...build, ...(named ? {} : { dockerfile: 'Dockerfile' }), ...(given.length === 0 ? {} : { args: Object.fromEntries(given) }) };
}

/** Services whose namespaces or aliases this one uses: `links`, and `service:x` of a namespace. */
export function sharedServices(service: ServiceConfig): string[] {
  const modes = [service.network_mode, service.ipc, service.pid, service.uts, service.cgroup];
  const shared = modes.flatMap((mode) => serviceOf(mode) ?? []);
  return [...(service.links ?? []).map(linked), ...shared];
}

/** The service of a link, `SERVICE[:ALIAS]`. */
function linked(link: string): string {
  const parts = link.split(':');
  return parts.length === 2 ? parts[0] ?? '' : link;
}

/** The service that `service:x` names. */
export function serviceOf(mode: string | null | undefined): string | null {
  return mode?.startsWith('service:') === true ? mode.slice('service:'.length) : null;
}
