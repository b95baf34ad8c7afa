import type { Attachment, ContainerSpec } from '../state/container.ts';
import { networkKeys, networkName } from './network-spec.ts';
import type { Project } from './project.ts';
import type { ServiceConfig } from './service-schema.ts';

/** How a service is attached to its networks, by their full names. */
export function attachmentsOf(name: string, service: ServiceConfig, project: Project): ContainerSpec['networks'] {
  const keys = networkKeys(service);
  return Object.fromEntries(keys.map((key): readonly [string, Attachment] => {
    const attachment = service.networks?.[key];
    return [networkName(key, project), {
      aliases: [...new Set([name, ...(attachment?.aliases ?? [])])],
      ipv4Address: attachment?.ipv4_address || null,
      ipv6Address: attachment?.ipv6_address || null,
      linkLocalIps: [...(attachment?.link_local_ips ?? [])],
      // The service's own is for its only network; of several each has to say it itself.
      macAddress: hardwareAddress(attachment?.mac_address ?? (keys.length === 1 ? service.mac_address ?? '' : '')),
      interfaceName: attachment?.interface_name ?? '',
      priority: attachment?.priority ?? 0,
      gatewayPriority: attachment?.gw_priority ?? 0,
      driverOpts: { ...attachment?.driver_opts },
    }];
  }));
}

/** As the kernel prints it. */
function hardwareAddress(text: string): string {
  return text.toLowerCase().replaceAll('-', ':');
}
