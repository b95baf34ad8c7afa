import { existsSync } from 'node:fs';
import { type Address, bytesOf } from '../../state/cidr.ts';
import { type Kernel, KernelError } from '../kernel.ts';
import { allowForwarding } from './host-forwarding.ts';
import type { Subnet } from './ipam.ts';
import { type LinkRequest, requestLinks } from './link-request.ts';
import { addressAdd, bridgeAdd, groupDelete, type Link, linkDelete, linkDump, linkGet, linkSetMaster, linkUp, portModes, portUp, readLink } from './rtnetlink.ts';
import { setSysctl } from './sysctl.ts';

/** A network's bridge. `isolated`: its ports reach no other port. `mtu` 0: as the kernel likes. */
export interface Bridge { readonly name: string; readonly group: number; readonly subnets: readonly Subnet[]; readonly mtu: number; readonly isolated: boolean }

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
    const lost = (await listLinks(kernel)).filter((link) => link.group === group && link.index !== index);
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
  const strayed = (await listLinks(kernel)).filter((link) => link.group === group && link.kind === 'veth' && (link.master !== index || !link.up));
  await requestLinks(kernel, null, [
    ...subnets.map(({ gateway, subnet }): LinkRequest => ({ about: `address of bridge ${name}`, message: addressAdd(index, gateway, subnet), accept: ['EEXIST'] })),
    { about: `bridge ${name}`, message: linkUp(index) },
    ...strayed.flatMap((link): readonly LinkRequest[] => [
      { about: `port ${link.name}`, message: portUp(link.name, index), accept: ['ENODEV'] },
      { about: `port ${link.name}`, message: portModes(link.index, bridge), accept: ['ENODEV'] },
    ]),
  ]);
}

/** Settings of a bridge that is not up yet: one without IPv6 must never give itself an address. 127.0.0.1 of the host reaches published ports by route_localnet. */
function settle({ name, subnets }: Bridge): void {
  const ipv6 = subnets.some(({ subnet }) => subnet.family === 6);
  setSysctl(`/proc/sys/net/ipv4/conf/${name}/route_localnet`, '1');
  setSysctl(`/proc/sys/net/ipv6/conf/${name}/accept_dad`, '0');
  setSysctl(`/proc/sys/net/ipv6/conf/${name}/accept_ra`, '0');
  setSysctl(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, ipv6 ? '0' : '1');
  allowForwarding(4);
  if (ipv6) allowForwarding(6);
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
