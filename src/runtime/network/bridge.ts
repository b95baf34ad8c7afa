import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type Kernel, KernelError } from '../kernel.ts';
import { bytesOf } from './cidr.ts';
import type { Subnet } from './ipam.ts';
import { requestLinks } from './link-request.ts';
import { addressAdd, bridgeAdd, groupDelete, type Link, linkDelete, linkDump, linkGet, linkSetMaster, linkUp, portHairpin, readLink } from './rtnetlink.ts';

/** A hardware address that is the address's own, as Docker makes them: whoever gets the address next is known under the same one. */
export function macOf(address: number): Buffer {
  return Buffer.concat([Buffer.from([0x02, 0x42]), bytesOf(address)]);
}

/** Makes a network's bridge with its gateway address, up; ports that were left without it are put on it again. Answers its index. */
export async function createBridge(kernel: Kernel, bridge: { name: string; group: number; subnet: Subnet }): Promise<number> {
  const { name, group, subnet } = bridge;
  await requestLinks(kernel, null, [{ about: `bridge ${name}`, message: bridgeAdd({ name, mac: macOf(subnet.gateway), group }) }]);
  try {
    // Before the bridge is up, so that IPv6 never gives it an address. 127.0.0.1 of the host reaches published ports by route_localnet.
    setSysctl(`/proc/sys/net/ipv4/conf/${name}/route_localnet`, '1');
    setSysctl(`/proc/sys/net/ipv6/conf/${name}/accept_dad`, '0');
    setSysctl(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, '1');
    setSysctl('/proc/sys/net/ipv4/ip_forward', '1');
    const index = await linkIndex(kernel, name);
    if (index === null) throw new KernelError('netlink', 'ENODEV', `bridge ${name}`, 'it was removed while it was made');
    const lost = (await listLinks(kernel)).filter((link) => link.group === group && link.index !== index);
    await requestLinks(kernel, null, [
      { about: `address of bridge ${name}`, message: addressAdd(index, subnet.gateway, subnet.subnet) },
      { about: `bridge ${name}`, message: linkUp(index) },
      ...lost.flatMap((link) => [
        { about: `port ${link.name}`, message: linkSetMaster(link.index, index) },
        { about: `port ${link.name}`, message: portHairpin(link.index) },
      ]),
    ]);
    return index;
  } catch (error) {
    const index = await linkIndex(kernel, name);
    if (index !== null) await requestLinks(kernel, null, [{ about: `bridge ${name}`, message: linkDelete(index), accept: ['ENODEV'] }]);
    throw error;
  }
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

/** A kernel without the setting (no IPv6) has nothing to set; one that is so already is left alone (ip_forward resets others). */
function setSysctl(path: string, value: string): void {
  if (existsSync(path) && readFileSync(path, 'utf8').trim() !== value) writeFileSync(path, value);
}
