import type { Address, Cidr } from '../../state/cidr.ts';
import { macOf } from './bridge.ts';
import type { LinkRequest } from './link-request.ts';
import { addressAdd, defaultRouteAdd, type InnerLink, ipvlanAdd, linkSetMac, linkUp, macvlanAdd, portModes, vethAdd } from './rtnetlink.ts';
import { ALL_FAMILIES } from './table-ports.ts';

/** How a container's link hangs together with the host. `name` of a veth's host side is unique for each start: the name of an earlier one may live on for a while. */
export type Uplink =
  | { readonly kind: 'veth'; readonly name: string; readonly bridge: number; readonly group: number; readonly isolated: boolean }
  | { readonly kind: 'macvlan'; readonly parent: number; readonly mode: number }
  | { readonly kind: 'ipvlan'; readonly parent: number; readonly mode: number; readonly flags: number };

/** An address in its network; `gateway` null: everything is on the link itself. */
export interface LinkAddress { readonly address: Address; readonly network: Cidr; readonly gateway: Address | null }

/** One attachment of a container, with all that its link needs. */
export interface EndpointLink {
  readonly uplink: Uplink;
  /** '': eth0, eth1 … in order. */
  readonly interfaceName: string;
  /** null: made from the first address. */
  readonly mac: Buffer | null;
  /** Others may know the hardware address at another place: they are told of this one. */
  readonly announced: boolean;
  readonly mtu: number;
  /** At most one of each family. */
  readonly addresses: readonly LinkAddress[];
  readonly linkLocal: readonly { readonly address: Address; readonly network: Cidr }[];
  /** An internal network gives no default route. */
  readonly internal: boolean;
  readonly gatewayPriority: number;
}

const FIRST_INDEX = 2; // 1 is loopback

/** For the host's namespace: links whose other ends are born in the namespace of descriptor `netns`. */
export function hostRequests(links: readonly EndpointLink[], netns: number): readonly LinkRequest[] {
  return links.flatMap((link, at): readonly LinkRequest[] => {
    const { uplink } = link;
    const inner: InnerLink = { index: FIRST_INDEX + at, name: nameOf(link, at), mac: hardwareAddress(link), mtu: link.mtu };
    if (uplink.kind === 'macvlan') return [{ about: `macvlan link ${inner.name}`, message: macvlanAdd({ ...uplink, netns, inner }) }];
    if (uplink.kind === 'ipvlan') return [{ about: `ipvlan link ${inner.name}`, message: ipvlanAdd({ ...uplink, netns, inner }) }];
    return [
      { about: `link ${uplink.name}`, message: vethAdd({ ...uplink, netns, peer: inner }) },
      { about: `port ${uplink.name}`, message: portModes(uplink.name, uplink) },
    ];
  });
}

/** For the container's namespace: links up, then addresses, then the announcement, and last the default routes. */
export function innerRequests(links: readonly EndpointLink[]): readonly LinkRequest[] {
  return [...links.flatMap(linkRequests), ...routeRequests(links)];
}

function linkRequests(link: EndpointLink, at: number): readonly LinkRequest[] {
  const index = FIRST_INDEX + at;
  const name = nameOf(link, at);
  const mac = hardwareAddress(link);
  return [
    { about: name, message: linkUp(index) },
    ...link.addresses.map(({ address, network }) => ({ about: `address of ${name}`, message: addressAdd(index, address, network) })),
    ...link.linkLocal.map(({ address, network }) => ({ about: `address of ${name}`, message: addressAdd(index, address, network, 'link') })),
    // The address is announced by this, so that a bridge that knew it on another port learns the new one. It goes to every port: not without need.
    ...(mac === null || !link.announced ? [] : [{ about: name, message: linkSetMac(index, mac) }]),
  ];
}

/** In each family by the link with the highest priority that leads out; of several the first. */
function routeRequests(links: readonly EndpointLink[]): readonly LinkRequest[] {
  return ALL_FAMILIES.flatMap((family) => {
    const ways = links.flatMap(({ addresses, internal, gatewayPriority }, at) => addresses
      .filter(({ address }) => address.family === family && !internal)
      .map(({ gateway }) => ({ gateway, gatewayPriority, index: FIRST_INDEX + at })));
    const [way] = ways.sort((a, b) => b.gatewayPriority - a.gatewayPriority);
    return way === undefined ? [] : [{ about: `IPv${family} default route`, message: defaultRouteAdd(way.index, family, way.gateway) }];
  });
}

function nameOf(link: EndpointLink, at: number): string {
  return link.interfaceName === '' ? `eth${at}` : link.interfaceName;
}

/** An ipvlan link has its parent's. */
function hardwareAddress({ uplink, mac, addresses }: EndpointLink): Buffer | null {
  if (uplink.kind === 'ipvlan') return null;
  const [first] = addresses;
  return mac ?? (first === undefined ? null : macOf(first.address));
}
