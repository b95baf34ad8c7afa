import { macOf } from './bridge.ts';
import type { Subnet } from './ipam.ts';
import type { LinkRequest } from './link-request.ts';
import { addressAdd, defaultRouteAdd, linkSetMac, linkUp, portHairpin, vethAdd } from './rtnetlink.ts';

/** One attachment of a container, with all that its links need. */
export interface EndpointLink {
  /** Host side, unique for each start: the name of an earlier one may live on for a while. */
  readonly name: string;
  readonly bridge: number;
  readonly group: number;
  readonly address: number;
  readonly subnet: Subnet;
  /** An internal network gives no default route. */
  readonly internal: boolean;
}

const FIRST_INDEX = 2; // 1 is loopback

/** For the host's namespace: veths whose peers eth0, eth1, … are born in the namespace of descriptor `netns`. */
export function hostRequests(links: readonly EndpointLink[], netns: number): readonly LinkRequest[] {
  return links.flatMap((link, at) => [
    { about: `link ${link.name}`, message: vethAdd({ name: link.name, group: link.group, bridge: link.bridge, netns, peer: { index: FIRST_INDEX + at, name: `eth${at}`, mac: macOf(link.address) } }) },
    { about: `port ${link.name}`, message: portHairpin(link.name) },
  ]);
}

/** For the container's namespace: links up, then addresses, then the announcement, and the default route of the first network that leads out. */
export function innerRequests(links: readonly EndpointLink[]): readonly LinkRequest[] {
  const route = links.findIndex((link) => !link.internal);
  const way = links[route];
  return [
    ...links.flatMap((link, at) => [
      { about: `eth${at}`, message: linkUp(FIRST_INDEX + at) },
      { about: `address of eth${at}`, message: addressAdd(FIRST_INDEX + at, link.address, link.subnet.subnet) },
      // The address is announced by this, so that a bridge that knew it on another port learns the new one.
      { about: `eth${at}`, message: linkSetMac(FIRST_INDEX + at, macOf(link.address)) },
    ]),
    ...(way === undefined ? [] : [{ about: 'default route', message: defaultRouteAdd(FIRST_INDEX + route, way.subnet.gateway) }]),
  ];
}
