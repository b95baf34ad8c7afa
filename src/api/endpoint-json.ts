import { createHash } from 'node:crypto';
import type { Attachment, ContainerStatus } from '../state/container.ts';
import type { Network } from '../state/network.ts';
import { poolOf, prefixOf } from '../state/network-pool.ts';

/** What Docker tells of a container's attachment to a network. */
export interface EndpointJson {
  readonly EndpointID: string; readonly MacAddress: string;
  readonly Gateway: string; readonly IPAddress: string; readonly IPPrefixLen: number;
  readonly IPv6Gateway: string; readonly GlobalIPv6Address: string; readonly GlobalIPv6PrefixLen: number;
}

export const NO_ENDPOINT: EndpointJson = { EndpointID: '', MacAddress: '', Gateway: '', IPAddress: '', IPPrefixLen: 0, IPv6Gateway: '', GlobalIPv6Address: '', GlobalIPv6PrefixLen: 0 };

/** Empty where the container does not run, but for a hardware address of its own: it has its addresses, and no link. */
export function endpointJson(name: string, { spec, status: of }: Network, attachment: Attachment | undefined, status: ContainerStatus): EndpointJson {
  const running = status.phase === 'running';
  const ipv4 = running ? (status.addresses[name] ?? '') : '';
  const ipv6 = running ? (status.ipv6Addresses[name] ?? '') : '';
  const gateway = (address: string): string => (of === null || address === '' || spec.internal ? '' : poolOf(of, address)?.gateway ?? '');
  return {
    EndpointID: running ? createHash('sha256').update(`${status.id} ${of?.id ?? name}`).digest('hex') : '',
    MacAddress: spec.driver === 'ipvlan' ? '' : attachment?.macAddress || (running ? macOf(ipv4) : ''),
    Gateway: gateway(ipv4), IPAddress: ipv4, IPPrefixLen: prefixOf(of, ipv4), IPv6Gateway: gateway(ipv6), GlobalIPv6Address: ipv6, GlobalIPv6PrefixLen: prefixOf(of, ipv6),
  };
}

/** The hardware address that a link has by its IPv4 address. */
function macOf(ipv4: string): string {
  return ipv4 === '' ? '' : ['02', '42', ...ipv4.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))].join(':');
}
