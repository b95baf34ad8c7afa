import { hostname } from 'node:os';
import type { Images } from '../image/images.ts';
import type { Endpoint, EndpointAttachment } from '../network/networks.ts';
import { checkOf } from './health-check.ts';
import { endpointSysctls, IFNAME } from '../../state/endpoint-options.ts';
import type { ContainerRecord } from './record.ts';

/** A container as its networks see it. Whether it passes its health check is not known yet. */
export function endpointOf(record: ContainerRecord, images: Images): Endpoint {
  const { id, name, spec } = record;
  return { id, name, hostname: hostnameOf(record), ready: checkOf(spec, images) === null, attachments: spec.networkMode === 'bridge' ? attachmentsOf(record) : [] };
}

/** Its networks in the order of connecting, each with every name that resolves to it there. Those that it was connected to later come last, so that its links keep their names. */
export function attachmentsOf({ id, name, identity, spec, addresses, ipv6Addresses, joined }: ContainerRecord): readonly EndpointAttachment[] {
  return Object.entries(spec.networks)
    .sort(([a, x], [b, y]) => joined.indexOf(a) - joined.indexOf(b) || y.priority - x.priority || (a < b ? -1 : 1))
    .map(([network, { aliases, linkLocalIps, macAddress, interfaceName, gatewayPriority, driverOpts }]) => {
      const names = [name, ...aliases, id.slice(0, 12), ...(spec.hostname === '' ? [] : [spec.hostname])];
      if (identity.owner === 'stack' && !joined.includes(network)) names.push(identity.service);
      return {
        network, ipv4: addresses[network] ?? '', ipv6: ipv6Addresses[network] ?? '', names: [...new Set(names)],
        linkLocalIps, macAddress, interfaceName: interfaceName === '' ? driverOpts[IFNAME] ?? '' : interfaceName, gatewayPriority, sysctls: endpointSysctls(driverOpts),
      };
    });
}

/** The host name inside the container: as asked, else the machine's where it has the machine's network, else the short id. */
export function hostnameOf(record: ContainerRecord): string {
  if (record.spec.namespaces.uts === 'host' || (record.spec.networkMode === 'host' && record.spec.hostname === '')) return hostname();
  return record.spec.hostname === '' ? record.id.slice(0, 12) : record.spec.hostname;
}
