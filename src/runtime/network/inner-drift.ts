import { type Address, addressText, cidrText, type Family } from '../../state/cidr.ts';
import type { Drift } from '../../state/drift.ts';
import type { Kernel } from '../kernel.ts';
import { type EndpointLink, routeOf, type Way } from './endpoint-links.ts';
import { type LinkRequest, requestLinks } from './link-request.ts';
import { addressAdd, addressDump, connectedRouteAdd, defaultRouteSet, type Link, linkDump, linkSetMac, linkSetMtu, linkUp, readAddress, readLink, readRoute, type Route, routeDump } from './rtnetlink.ts';
import { ALL_FAMILIES } from './table-ports.ts';

/** What a container's network namespace shows. */
export interface Inside { readonly links: readonly Link[]; readonly addresses: readonly { readonly link: number; readonly address: Address }[]; readonly routes: readonly Route[] }

/** What it should show of one attachment. `mac` in hex digits, '' where it is not its own; `mtu` 0: its parent's. */
export interface ExpectedLink extends Pick<EndpointLink, 'addresses' | 'linkLocal' | 'internal' | 'gatewayPriority'> { readonly network: string; readonly mac: string; readonly mtu: number }

const RT_TABLE_MAIN = 254;

export async function readInside(kernel: Kernel, path: string): Promise<Inside> {
  const [links, ...others] = await requestLinks(kernel, path, [linkDump(), ...ALL_FAMILIES.map(addressDump), ...ALL_FAMILIES.map(routeDump)].map((message) => ({ about: path, message })));
  const payloads = (from: number): readonly Buffer[] => others.slice(from, from + ALL_FAMILIES.length).flatMap((answer) => answer.payloads);
  return { links: (links?.payloads ?? []).map(readLink), addresses: payloads(0).map(readAddress), routes: payloads(ALL_FAMILIES.length).map(readRoute) };
}

/** The link of an attachment: the one that has an address of it, else its hardware address. */
function linkOf({ addresses, mac }: ExpectedLink, inside: Inside): Link | null {
  const owner = addresses.flatMap(({ address }) => inside.addresses.find((each) => same(each.address, address))?.link ?? [])[0];
  return inside.links.find(({ index }) => index === owner) ?? (mac === '' ? undefined : inside.links.find((link) => link.mac === mac)) ?? null;
}

export function innerDrift(expected: readonly ExpectedLink[], inside: Inside): readonly Drift[] {
  const drift: Drift[] = [];
  const add = (field: string, wanted: string, found: string): void => {
    drift.push({ kind: 'network', field, expected: wanted, found });
  };
  for (const one of expected) {
    const link = linkOf(one, inside);
    const field = `networks[${one.network}]`;
    if (link === null) {
      add(`${field}.link`, `a link with ${one.addresses.map(({ address }) => addressText(address)).join(' and ')}`, 'none');
      continue;
    }
    if (!link.up) add(`${field}.link`, `${link.name} up`, 'down');
    if (isOther(link.mtu, one.mtu)) add(`${field}.mtu`, String(one.mtu), String(link.mtu));
    if (isOther(link.mac, one.mac)) add(`${field}.mac`, macText(one.mac), macText(link.mac));
    for (const { network } of missingRoutes(one, link, inside)) add(`${field}.route`, `${cidrText(network)} on ${link.name}`, 'none');
    for (const { address } of missingAddresses(one, link, inside)) add(`${field}.address`, addressText(address), `not on ${link.name}`);
  }
  for (const { family, way, found } of wrongRoutes(expected, inside)) {
    add(`route.${family === 4 ? 'ipv4' : 'ipv6'}`, `default ${way.gateway === null ? 'on the link' : `via ${addressText(way.gateway)}`}`, found === undefined ? 'no default route' : `default ${found.gateway === null ? 'on a link' : `via ${addressText(found.gateway)}`}`);
  }
  return drift;
}

/** What makes addresses and routes of the links that are there as they should be; in this order, since an address takes its routes with it. */
export function mendRequests(expected: readonly ExpectedLink[], inside: Inside): readonly LinkRequest[] {
  const requests: LinkRequest[] = [];
  for (const one of expected) {
    const link = linkOf(one, inside);
    if (link === null) continue;
    if (!link.up) requests.push({ about: link.name, message: linkUp(link.index) });
    if (isOther(link.mtu, one.mtu)) requests.push({ about: `MTU of ${link.name}`, message: linkSetMtu(link.index, one.mtu) });
    if (isOther(link.mac, one.mac)) requests.push({ about: `hardware address of ${link.name}`, message: linkSetMac(link.index, Buffer.from(one.mac, 'hex')) });
    for (const { address, network } of missingRoutes(one, link, inside)) requests.push({ about: `route of ${link.name}`, message: connectedRouteAdd(link.index, address, network), accept: ['EEXIST'] });
    for (const { address, network, scope } of missingAddresses(one, link, inside)) requests.push({ about: `address of ${link.name}`, message: addressAdd(link.index, address, network, scope), accept: ['EEXIST'] });
  }
  return requests;
}

export function routeMends(expected: readonly ExpectedLink[], inside: Inside): readonly LinkRequest[] {
  return wrongRoutes(expected, inside).map(({ family, way }) => ({ about: `IPv${family} default route`, message: defaultRouteSet(way.index, family, way.gateway) }));
}

function isOther<T extends string | number>(found: T, wanted: T): boolean {
  return wanted !== '' && wanted !== 0 && found !== wanted;
}

function macText(hex: string): string {
  return hex.match(/../g)?.join(':') ?? '';
}

/** Addresses that are there without the route to their network, which the kernel makes with them where the link is up. */
function missingRoutes({ addresses }: ExpectedLink, { index, up }: Link, inside: Inside): ExpectedLink['addresses'] {
  return !up ? [] : addresses.filter(({ address, network }) => network.prefix < (network.family === 4 ? 32 : 128)
    && inside.addresses.some((found) => found.link === index && same(found.address, address))
    && !inside.routes.some(({ destination, link, table, unicast }) => link === index && table === RT_TABLE_MAIN && unicast && destination.family === network.family && destination.prefix === network.prefix && destination.first === network.first));
}

function missingAddresses({ addresses, linkLocal }: ExpectedLink, { index }: Link, inside: Inside): readonly { readonly address: Address; readonly network: EndpointLink['linkLocal'][number]['network']; readonly scope: 'global' | 'link' }[] {
  const wanted = [...addresses.map((each) => ({ ...each, scope: 'global' as const })), ...linkLocal.map((each) => ({ ...each, scope: 'link' as const }))];
  return wanted.filter(({ address }) => !inside.addresses.some((found) => found.link === index && same(found.address, address)));
}

function wrongRoutes(expected: readonly ExpectedLink[], inside: Inside): readonly { readonly family: Family; readonly way: { readonly index: number; readonly gateway: Address | null }; readonly found: Route | undefined }[] {
  const ways = expected.flatMap((one): readonly Way[] => {
    const link = linkOf(one, inside);
    return link === null ? [] : [{ ...one, index: link.index }];
  });
  return ALL_FAMILIES.flatMap((family) => {
    const way = routeOf(ways, family);
    const there = inside.routes.filter(({ destination, table, unicast }) => destination.family === family && destination.prefix === 0 && table === RT_TABLE_MAIN && unicast);
    const isRight = way === null || there.some(({ link, gateway }) => link === way.index && (way.gateway === null ? gateway === null : gateway !== null && same(gateway, way.gateway)));
    return isRight ? [] : [{ family, way, found: there[0] }];
  });
}

function same(one: Address, other: Address): boolean {
  return one.family === other.family && one.bits === other.bits;
}
