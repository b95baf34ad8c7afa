import type { Network, NetworkSpec } from '../state/network.ts';
import type { Project } from './project.ts';
import type { NetworkConfig } from './schema.ts';

/** The full name of a network, by its key in the file. */
export function networkName(key: string, project: Project): string {
  return project.networks[key]?.name ?? `${project.name}_${key}`;
}

/** The networks that a service is on. `network_mode: bridge` is the stack's default network: there is none that all stacks share. */
export function networkKeys(service: Project['services'][string]): readonly string[] {
  return service.network_mode === 'bridge' ? ['default'] : Object.keys(service.networks ?? {});
}

/** Networks that a service uses, or with `unused` all of the file, by full name. */
export function networksOf(project: Project, unused: boolean): Record<string, Network> {
  const keys = new Set([...Object.values(project.services).flatMap(networkKeys), ...(unused ? Object.keys(project.networks) : [])]);
  return Object.fromEntries([...keys].map((key) => {
    const own = { 'com.docker.compose.project': project.name, 'com.docker.compose.network': key };
    const spec = networkSpec(project.networks[key] ?? {});
    return [networkName(key, project), { stack: project.name, spec: { ...spec, labels: { ...spec.labels, ...own } }, status: null }];
  }));
}

/** What the file says of one network. */
export function networkSpec(network: Partial<NetworkConfig>): NetworkSpec {
  return {
    driver: network.driver === 'macvlan' || network.driver === 'ipvlan' ? network.driver : 'bridge',
    internal: network.internal ?? false,
    external: network.external ?? false,
    attachable: network.attachable ?? false,
    ipv6: network.enable_ipv6 ?? false,
    ipam: (network.ipam?.config ?? []).map((pool) => ({
      subnet: pool.subnet ?? '', gateway: pool.gateway ?? '', ipRange: pool.ip_range ?? '', auxAddresses: { ...pool.aux_addresses },
    })),
    labels: { ...network.labels },
    options: { ...network.driver_opts },
  };
}
