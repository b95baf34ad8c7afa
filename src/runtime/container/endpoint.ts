import type { Endpoint } from '../network/networks.ts';
import type { ContainerRecord } from './record.ts';

/** A container as its networks see it: attachments in the order of connecting, each with every name that resolves to it there. */
export function endpointOf(record: ContainerRecord): Endpoint {
  const { id, name, identity, spec, addresses } = record;
  const attachments = Object.entries(spec.networks)
    .sort(([a, x], [b, y]) => y.priority - x.priority || (a < b ? -1 : 1))
    .map(([network, attachment]) => {
      const names = [name, ...attachment.aliases, id.slice(0, 12)];
      if (identity.owner === 'stack') names.push(identity.service);
      return { network, address: addresses[network] ?? '', names: [...new Set(names)] };
    });
  return { id, name, hostname: hostnameOf(record), attachments: spec.networkMode === 'bridge' ? attachments : [] };
}

/** The host name inside the container: as asked, else the short id. */
export function hostnameOf(record: ContainerRecord): string {
  return record.spec.hostname === '' ? record.id.slice(0, 12) : record.spec.hostname;
}
