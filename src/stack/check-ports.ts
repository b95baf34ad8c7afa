import { hostIpsOverlap } from '../state/host-ip.ts';
import type { Mistakes } from './mistake.ts';
import { parsePortRange, parsePortSpec } from './port-spec.ts';
import type { PortConfig } from './port-spec.ts';
import { replicasOf } from './replicas.ts';
import type { ServiceConfig } from './service-schema.ts';
import type { Place } from './source-text.ts';
import { child, placeOf } from './tree.ts';
import type { Tree } from './tree.ts';

interface Holder { readonly service: string; readonly address: string; readonly target: number }
type Holders = ReadonlyMap<string, readonly Holder[]>;
/** Containers that each take a port of one range. */
interface Demand { readonly service: string; readonly port: PortConfig; readonly first: number; readonly last: number; count: number }

/** That no host port is asked for twice, and that ranges have a port for each container. Replicas of one service share theirs, but for ranges. */
export function checkPorts(services: Readonly<Record<string, ServiceConfig>>, tree: Tree, mistakes: Mistakes): void {
  const holders = new Map<string, Holder[]>();
  const demands = new Map<string, Demand>();
  for (const [name, service] of Object.entries(services)) {
    if (service.network_mode === 'host' || service.network_mode === 'none' || replicasOf(service) === 0) continue;
    for (const port of service.ports ?? []) {
      const range = parsePortRange(port.published ?? '');
      if (range === null) continue;
      if (range.first !== range.last) {
        const wanted = `${port.host_ip ?? ''} ${port.published ?? ''}/${port.protocol ?? 'tcp'}`;
        const demand = demands.get(wanted) ?? { service: name, port, ...range, count: 0 };
        demand.count += replicasOf(service);
        demands.set(wanted, demand);
        continue;
      }
      const key = `${String(range.first)}/${port.protocol ?? 'tcp'}`;
      const address = port.host_ip ?? '';
      const others = holders.get(key) ?? [];
      const other = others.find((each) => hostIpsOverlap(each.address, address));
      // A port that is said twice, once in each form, is published once.
      if (other !== undefined && !(other.service === name && other.address === address && other.target === port.target)) {
        const whose = other.service === name ? 'this service already publishes' : `service "${other.service}" already publishes`;
        mistakes.add(placeOfPort(tree, name, port), `services.${name}.ports: ${whose} host port ${key}${other.address === '' ? '' : ` on ${other.address}`}; choose another host port, or another address`);
      }
      holders.set(key, [...others, { service: name, address, target: port.target }]);
    }
  }
  for (const demand of demands.values()) checkRange(demand, holders, tree, mistakes);
}

function checkRange({ service, port, first, last, count }: Demand, holders: Holders, tree: Tree, mistakes: Mistakes): void {
  const numbers = Array.from({ length: last - first + 1 }, (_, index) => `${String(first + index)}/${port.protocol ?? 'tcp'}`);
  const free = numbers.filter((key) => !(holders.get(key) ?? []).some((holder) => hostIpsOverlap(holder.address, port.host_ip ?? ''))).length;
  if (free >= count) return;
  mistakes.add(placeOfPort(tree, service, port), `services.${service}.ports: ${String(count)} containers take a host port each, and ${String(first)}-${String(last)} has ${String(free)} that nobody else publishes; give a longer range`);
}

/** Where a port was written: ranges were expanded since, so its index says nothing. */
function placeOfPort(tree: Tree, service: string, port: PortConfig): Place {
  const written = child(child(child(tree, 'services'), service), 'ports');
  const found = written?.kind === 'list' ? written.items.find((item) => isWrittenAs(item, port)) : undefined;
  return found?.at ?? placeOf(tree, ['services', service, 'ports']);
}

function isWrittenAs(item: Tree, port: PortConfig): boolean {
  const same = (other: { readonly published?: string; readonly target?: unknown; readonly host_ip?: string; readonly protocol?: string }): boolean =>
    other.published === port.published && Number(other.target) === port.target && (other.host_ip ?? '') === (port.host_ip ?? '') && (other.protocol ?? 'tcp') === (port.protocol ?? 'tcp');
  if (item.kind === 'list') return false;
  if (item.kind === 'leaf') {
    const ports = parsePortSpec(item.text);
    return typeof ports !== 'string' && ports.some(same);
  }
  const said = Object.fromEntries(['published', 'target', 'host_ip', 'protocol'].flatMap((key) => {
    const value = child(item, key);
    return value?.kind === 'leaf' ? [[key, value.text]] : [];
  }));
  return same(said);
}
