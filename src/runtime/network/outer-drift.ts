import { addressText, type Address } from '../../state/cidr.ts';
import type { Drift } from '../../state/drift.ts';
import type { Kernel } from '../kernel.ts';
import { bridgeSettings, familiesOf, macOfBridge, mtuOf } from './bridge.ts';
import { FORWARDING } from './host-forwarding.ts';
import { requestLinks } from './link-request.ts';
import type { NetworkEntry } from './network-entry.ts';
import { addressDump, type Link, linkDump, readAddress, readLink } from './rtnetlink.ts';
import { readSysctl } from './sysctl.ts';
import { ALL_FAMILIES } from './table-ports.ts';

/** What the host shows of links; `setting`: of a sysctl by its path, null where this kernel has none. */
export interface Outside { readonly links: ReadonlyMap<string, Link>; readonly addresses: readonly { readonly link: number; readonly address: Address }[]; readonly setting: (path: string) => string | null }

export async function readOutside(kernel: Kernel): Promise<Outside> {
  const [links, ...addresses] = await requestLinks(kernel, null, [linkDump(), ...ALL_FAMILIES.map(addressDump)].map((message) => ({ about: 'links', message })));
  return { links: new Map((links?.payloads ?? []).map(readLink).map((link) => [link.name, link])), addresses: addresses.flatMap(({ payloads }) => payloads.map(readAddress)), setting: readSysctl };
}

/** What of each network's link on the host is not as it was made, by the network's name. */
export function outerDrift(entries: readonly NetworkEntry[], outside: Outside): ReadonlyMap<string, readonly Drift[]> {
  const ports = new Map<number, Link[]>();
  for (const link of outside.links.values()) if (link.kind === 'veth' && link.group !== 0) ports.set(link.group, [...ports.get(link.group) ?? [], link]);
  return new Map(entries.map((entry) => [entry.name, driftOf(entry, outside, ports.get(entry.record.group) ?? [])]));
}

function driftOf({ record: { link: name, spec }, subnets, options }: NetworkEntry, { links, addresses, setting }: Outside, ports: readonly Link[]): readonly Drift[] {
  const drift: Drift[] = [];
  const add = (field: string, expected: string, found: string): void => {
    drift.push({ kind: 'network', field, expected, found });
  };
  const bridge = links.get(name);
  if (bridge === undefined) {
    add(spec.driver === 'bridge' ? 'bridge' : 'parent', name, 'no such link');
    return drift;
  }
  if (spec.driver !== 'bridge') return drift;
  if (!bridge.up) add('bridge', `${name} up`, 'down');
  const [mtu, mac] = [mtuOf(options), macOfBridge({ subnets })?.toString('hex') ?? bridge.mac];
  for (const link of [bridge, ...ports]) if (link.mtu !== mtu) add(link === bridge ? 'bridge.mtu' : 'bridge.port', `MTU ${mtu} of ${link.name}`, String(link.mtu));
  if (bridge.mac !== mac) add('bridge.mac', mac, bridge.mac);
  for (const [path, value] of [...bridgeSettings({ name, subnets }), ...familiesOf({ subnets }).map((family) => [FORWARDING[family], '1'] as const)]) {
    const found = setting(path);
    if (found !== null && found !== value) add(path.slice('/proc/sys/'.length).replaceAll('/', '.'), value, found);
  }
  for (const { gateway } of subnets) {
    if (!addresses.some(({ link, address }) => link === bridge.index && address.family === gateway.family && address.bits === gateway.bits)) add('bridge.address', addressText(gateway), `not on ${name}`);
  }
  for (const port of ports) {
    if (port.master !== bridge.index) add('bridge.port', `${port.name} on ${name}`, port.master === 0 ? 'on no bridge' : 'on another bridge');
    else if (!port.up) add('bridge.port', `${port.name} up`, 'down');
  }
  return drift;
}
