import type { Address, Cidr, Family } from '../../state/cidr.ts';
import { macOf } from './bridge.ts';
import type { LinkRequest } from './link-request.ts';
import { addressAdd, defaultRouteSet, type InnerLink, ipvlanAdd, linkUp, macvlanAdd, portModes, portUp, vethAdd } from './rtnetlink.ts';
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
  /** In the container's namespace. */
  readonly index: number;
  readonly name: string;
  /** null: made from the first address. */
  readonly mac: Buffer | null;
  /** Others may know its addresses at another place: they are told of this one. */
  readonly announced: boolean;
  readonly mtu: number;
  /** At most one of each family. */
  readonly addresses: readonly LinkAddress[];
  readonly linkLocal: readonly { readonly address: Address; readonly network: Cidr }[];
  /** An internal network gives no default route. */
  readonly internal: boolean;
  readonly gatewayPriority: number;
}

/** What of a link its part in default routes depends on. */
export type Way = Pick<EndpointLink, 'index' | 'addresses' | 'internal' | 'gatewayPriority'>;

export interface HostRequests { readonly births: readonly LinkRequest[]; readonly ports: readonly string[]; readonly rest: readonly LinkRequest[] }

/** For the host's namespace: links whose other ends are born in the namespace of descriptor `netns`; those that are `ports` of a bridge come up after that. */
export function hostRequests(links: readonly EndpointLink[], netns: number): HostRequests {
  const births = links.map((link): LinkRequest => {
    const { uplink, index, name } = link;
    const inner: InnerLink = { index, name, mac: hardwareAddress(link), mtu: link.mtu };
    if (uplink.kind === 'macvlan') return { about: `macvlan link ${inner.name}`, message: macvlanAdd({ ...uplink, netns, inner }) };
    if (uplink.kind === 'ipvlan') return { about: `ipvlan link ${inner.name}`, message: ipvlanAdd({ ...uplink, netns, inner }) };
    return { about: `link ${uplink.name}`, message: vethAdd({ ...uplink, netns, peer: inner }) };
  });
  const veths = links.flatMap(({ uplink }) => (uplink.kind === 'veth' ? [uplink] : []));
  return {
    births, ports: veths.map(({ name }) => name),
    rest: veths.flatMap((veth): readonly LinkRequest[] => [
      { about: `port ${veth.name}`, message: portUp(veth.name, veth.bridge) },
      { about: `port ${veth.name}`, message: portModes(veth.name, veth) },
    ]),
  };
}

/** For the container's namespace: links up, then addresses. */
export function innerRequests(links: readonly EndpointLink[]): readonly LinkRequest[] {
  return links.flatMap((link) => {
    const { index, name } = link;
    return [
      { about: name, message: linkUp(index) },
      ...link.addresses.map(({ address, network }) => ({ about: `address of ${name}`, message: addressAdd(index, address, network) })),
      ...link.linkLocal.map(({ address, network }) => ({ about: `address of ${name}`, message: addressAdd(index, address, network, 'link') })),
    ];
  });
}

/** The default routes that are others than `before`, for the container's namespace. */
export function routeRequests(after: readonly Way[], before: readonly Way[] = []): readonly LinkRequest[] {
  return ALL_FAMILIES.flatMap((family) => {
    const [way, former] = [routeOf(after, family), routeOf(before, family)];
    if (way === null || (way.index === former?.index && way.gateway?.bits === former.gateway?.bits)) return [];
    return [{ about: `IPv${family} default route`, message: defaultRouteSet(way.index, family, way.gateway) }];
  });
}

/** By the link with the highest priority that leads out; of several the first. */
export function routeOf(ways: readonly Way[], family: Family): { readonly index: number; readonly gateway: Address | null } | null {
  const out = ways.flatMap(({ index, addresses, internal, gatewayPriority }) => addresses
    .filter(({ address }) => address.family === family && !internal)
    .map(({ gateway }) => ({ index, gateway, gatewayPriority })));
  return out.sort((a, b) => b.gatewayPriority - a.gatewayPriority)[0] ?? null;
}

/** An ipvlan link has its parent's. */
export function hardwareAddress({ uplink, mac, addresses }: { readonly uplink: { readonly kind: string } } & Pick<EndpointLink, 'mac' | 'addresses'>): Buffer | null {
  if (uplink.kind === 'ipvlan') return null;
  const [first] = addresses;
  return mac ?? (first === undefined ? null : macOf(first.address));
}
