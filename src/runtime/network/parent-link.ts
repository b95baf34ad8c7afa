import { BayplanError } from '../../state/bayplan-error.ts';
import { VLAN_EXPECTED, vlanOf } from '../../state/network-options.ts';
import { type Kernel, KernelError } from '../kernel.ts';
import { linkExists, linkIndex, listLinks } from './bridge.ts';
import { requestLinks } from './link-request.ts';
import type { NetworkEntry } from './network-entry.ts';
import { dummyAdd, linkDelete, linkSetGroup, linkUp, vlanAdd } from './rtnetlink.ts';

/**
 * The link that a macvlan or ipvlan network is on. As in Docker one that is named as `eth0.7`, and is not there, is made: VLAN 7 of eth0; and where none is named
 * a dummy, over which containers reach each other alone. What is made is in the network's group, and goes with it.
 */
export async function provideParent(kernel: Kernel, { name, record: { link, group }, options }: NetworkEntry): Promise<void> {
  if (linkExists(link)) return;
  if (options.parent === '') return await make(kernel, name, link, dummyAdd({ name: link, group }), 'dummy');
  const vlan = vlanOf(link);
  const missing = (what: string): BayplanError => new BayplanError('bad-request', `network ${name}: this host has no link "${what}"; name one of "ip link" as the option parent, or a VLAN of one, as eth0.7`);
  if (vlan === null) throw missing(link);
  const { master, id } = vlan;
  const parent = await linkIndex(kernel, master);
  if (parent === null) throw missing(master);
  if (id === null) throw new BayplanError('bad-request', `network ${name}: option parent: ${link}: expected ${VLAN_EXPECTED}`);
  await make(kernel, name, link, vlanAdd({ name: link, group, parent, id }), 'VLAN');
}

/** Of two networks on a link that was made for the one that goes, it is the other one's from now on. */
export async function passOn(kernel: Kernel, link: string, from: number, to: NetworkEntry): Promise<void> {
  const made = (await listLinks(kernel)).find(({ name, group }) => name === link && group === from);
  if (made !== undefined) await requestLinks(kernel, null, [{ about: `link ${link}`, message: linkSetGroup(made.index, to.record.group), accept: ['ENODEV'] }]);
}

async function make(kernel: Kernel, network: string, link: string, message: Buffer, kind: string): Promise<void> {
  try {
    await requestLinks(kernel, null, [{ about: `${kind} link ${link}`, message }]);
  } catch (error) {
    if (!(error instanceof KernelError && error.code === 'ENOTSUP')) throw error;
    throw new BayplanError('bad-request', `network ${network}: this kernel has no ${kind} links, so ${link} cannot be made; name one of "ip link" as the option parent`, { cause: error });
  }
  const index = await linkIndex(kernel, link);
  try {
    if (index !== null) await requestLinks(kernel, null, [{ about: `${kind} link ${link}`, message: linkUp(index) }]);
  } catch (error) {
    if (index !== null) await requestLinks(kernel, null, [{ about: `${kind} link ${link}`, message: linkDelete(index), accept: ['ENODEV'] }]);
    throw error;
  }
}
