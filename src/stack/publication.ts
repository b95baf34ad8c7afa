import type { PublishedPort } from '../state/container.ts';
import { networkOptions } from '../state/network-options.ts';
import { networkKeys, networkSpec } from './network-spec.ts';
import { parsePortRange } from './port-spec.ts';
import type { PortConfig } from './port-spec.ts';
import type { Project } from './project.ts';
import type { ServiceConfig } from './service-schema.ts';

/** The ports that each container of a service publishes; one that the file says twice, once. */
export function publishedPortsOf(service: ServiceConfig, project: Project): PublishedPort[] {
  const otherwise = hostBinding(service, project);
  const ports = (service.ports ?? []).map((port) => publishedPort(port, otherwise, service['x-bayplan']?.allow ?? []));
  return ports.length < 2 ? ports : [...new Map(ports.map((port) => [port.published === null ? port : JSON.stringify(port), port])).values()];
}

function publishedPort(port: PortConfig, hostBinding: string, allow: readonly string[]): PublishedPort {
  const range = parsePortRange(port.published ?? '');
  return {
    hostIp: port.host_ip ?? hostBinding,
    published: range?.first ?? null,
    publishedLast: range === null || range.last === range.first ? null : range.last,
    target: port.target,
    protocol: port.protocol === 'udp' || port.protocol === 'sctp' ? port.protocol : 'tcp',
    allow: [...(port['x-bayplan']?.allow ?? allow)],
  };
}

/** Docker's option of a network: where its services publish ports that name no address. */
function hostBinding(service: ServiceConfig, project: Project): string {
  const first = networkKeys(service).map((key) => [key, project.networks[key]] as const).find(([, network]) => network?.driver_opts !== undefined);
  return first === undefined ? '' : networkOptions(first[0], networkSpec(first[1] ?? {})).hostBinding;
}
