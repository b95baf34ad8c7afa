import { existsSync } from 'node:fs';
import { type Address, bytesOf, type Family } from '../../state/cidr.ts';
import { type Kernel, KernelError } from '../kernel.ts';
import { allowForwarding } from './host-forwarding.ts';
import type { Subnet } from './ipam.ts';
import { type LinkRequest, requestLinks } from './link-request.ts';
import { addressAdd, bridgeAdd, groupDelete, type Link, linkDelete, linkDump, linkGet, linkSetMac, linkSetMaster, linkSetMtu, linkUp, portModes, portUp, readLink } from './rtnetlink.ts';
import { setSysctl } from './sysctl.ts';

/** A network's bridge. `isolated`: its ports reach no other port. `mtu` 0: as the kernel likes. */
export interface Bridge { readonly name: string; readonly group: number; readonly subnets: readonly Subnet[]; readonly mtu: number; readonly isolated: boolean }

/** What the kernel gives a bridge, and a veth, that is asked for no other. */
const USUAL_MTU = 1500;

/** A hardware address that is the address's own, as Docker makes them: whoever gets the address next is known under the same one. */
export function macOf(address: Address): Buffer {
  return Buffer.concat([Buffer.from([0x02, 0x42]), bytesOf(address).subarray(-4)]);
}

/** Makes a network's bridge with its gateway addresses, up; ports that were left without it are put on it again. Answers its index. */
export async function createBridge(kernel: Kernel, bridge: Bridge): Promise<number> {
  const { name, group, subnets, mtu } = bridge;
  const [first] = subnets;
  if (first === undefined) throw new Error(`bridge ${name} has no subnet`);
  await requestLinks(kernel, null, [{ about: `bridge ${name}`, message: bridgeAdd({ name, mac: macOf(first.gateway), group, mtu }) }]);
  try {
    settle(bridge);
    const index = await linkIndex(kernel, name);
    if (index === null) throw new KernelError('netlink', 'ENODEV', `bridge ${name}`, 'it was removed while it was made');
    const others = (await listLinks(kernel)).filter((link) => link.group === group && link.index !== index);
    const lost = others.filter(({ kind }) => kind === 'veth');
    // The former one under another name, which lets its ports go with its end.
    await requestLinks(kernel, null, others.filter(({ kind }) => kind === 'bridge').map((link) => ({ about: `bridge ${link.name}`, message: linkDelete(link.index), accept: ['ENODEV'] })));
    await requestLinks(kernel, null, [
      ...subnets.map(({ gateway, subnet }): LinkRequest => ({ about: `address of bridge ${name}`, message: addressAdd(index, gateway, subnet) })),
      { about: `bridge ${name}`, message: linkUp(index) },
      ...lost.flatMap((link) => [
        { about: `port ${link.name}`, message: linkSetMaster(link.index, index) },
        { about: `port ${link.name}`, message: portModes(link.index, bridge) },
      ]),
    ]);
    return index;
  } catch (error) {
    const index = await linkIndex(kernel, name);
    if (index !== null) await requestLinks(kernel, null, [{ about: `bridge ${name}`, message: linkDelete(index), accept: ['ENODEV'] }]);
    throw error;
  }
}

/** Makes a bridge that is there what `createBridge` would make of it; its links stay. */
export async function mendBridge(kernel: Kernel, bridge: Bridge, index: number): Promise<void> {
  const { name, group, subnets } = bridge;
  settle(bridge);
  const [mtu, mac] = [mtuOf(bridge), macOfBridge(bridge)];
  const own = (await listLinks(kernel)).filter((link) => link.group === group);
  const ports = own.filter(({ kind }) => kind === 'veth');
  const strayed = ports.filter((link) => link.master !== index || !link.up);
  const resized = [...ports, ...own.filter((link) => link.index === index)].filter((link) => link.mtu !== mtu); // a bridge is no larger than its ports
  const renumbered = own.filter((link) => link.index === index && mac !== null && link.mac !== mac.toString('hex'));
  await requestLinks(kernel, null, [
    ...renumbered.map((link): LinkRequest => ({ about: `hardware address of ${link.name}`, message: linkSetMac(link.index, mac ?? Buffer.alloc(0)) })),
    ...resized.map((link): LinkRequest => ({ about: `MTU of ${link.name}`, message: linkSetMtu(link.index, mtu), accept: ['ENODEV'] })),
    ...subnets.map(({ gateway, subnet }): LinkRequest => ({ about: `address of bridge ${name}`, message: addressAdd(index, gateway, subnet), accept: ['EEXIST'] })),
    { about: `bridge ${name}`, message: linkUp(index) },
    ...strayed.flatMap((link): readonly LinkRequest[] => [
      { about: `port ${link.name}`, message: portUp(link.name, index), accept: ['ENODEV'] },
      { about: `port ${link.name}`, message: portModes(link.index, bridge), accept: ['ENODEV'] },
    ]),
  ]);
}

/** Of a bridge and the links on it. */
export function mtuOf({ mtu }: Pick<Bridge, 'mtu'>): number {
  return mtu === 0 ? USUAL_MTU : mtu;
}

/** It is fixed, so that it does not follow its ports. */
export function macOfBridge({ subnets: [first] }: Pick<Bridge, 'subnets'>): Buffer | null {
  return first === undefined ? null : macOf(first.gateway);
}

/** Settings of a bridge, by their path: one without IPv6 must never give itself an address. 127.0.0.1 of the host reaches published ports by route_localnet. */
export function bridgeSettings({ name, subnets }: Pick<Bridge, 'name' | 'subnets'>): ReadonlyMap<string, string> {
  const ipv6 = subnets.some(({ subnet }) => subnet.family === 6);
  return new Map([
    [`/proc/sys/net/ipv4/conf/${name}/route_localnet`, '1'], [`/proc/sys/net/ipv6/conf/${name}/accept_dad`, '0'],
    [`/proc/sys/net/ipv6/conf/${name}/accept_ra`, '0'], [`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, ipv6 ? '0' : '1'],
  ]);
}

/** Folders below /proc/sys in which a change of what bridges live by shows. */
export function settingFolders(bridges: readonly string[]): readonly string[] {
  const own = bridges.flatMap((name) => [`/proc/sys/net/ipv4/conf/${name}`, `/proc/sys/net/ipv6/conf/${name}`]);
  return own.length === 0 ? [] : ['/proc/sys/net/ipv4', '/proc/sys/net/ipv6/conf/all', ...own];
}

/** While it is not up yet, or again. */
function settle(bridge: Bridge): void {
  for (const [path, value] of bridgeSettings(bridge)) setSysctl(path, value);
  for (const family of familiesOf(bridge)) allowForwarding(family);
}

export function familiesOf({ subnets }: Pick<Bridge, 'subnets'>): readonly Family[] {
  return subnets.some(({ subnet }) => subnet.family === 6) ? [4, 6] : [4];
}

/** A port needs no IPv6 of its own: it would announce itself on the network. */
export function silencePort(name: string): void {
  setSysctl(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, '1');
}

/** Removes every link of a network: its bridge and what is left on it. Nothing there is no error. */
export async function removeLinks(kernel: Kernel, group: number): Promise<void> {
  await requestLinks(kernel, null, [{ about: `link group ${group}`, message: groupDelete(group), accept: ['ENODEV'] }]);
}

export async function linkIndex(kernel: Kernel, name: string): Promise<number | null> {
  const [answer] = await requestLinks(kernel, null, [{ about: `link ${name}`, message: linkGet(name), accept: ['ENODEV'] }]);
  const [payload] = answer?.payloads ?? [];
  return payload === undefined ? null : readLink(payload).index;
}

export async function listLinks(kernel: Kernel): Promise<readonly Link[]> {
  const [answer] = await requestLinks(kernel, null, [{ about: 'links', message: linkDump() }]);
  return (answer?.payloads ?? []).map(readLink);
}

/** True where the engine's network namespace has a link of that name. Cheap: no netlink. */
export function linkExists(name: string): boolean {
  return existsSync(`/proc/sys/net/ipv4/conf/${name}`);
}
