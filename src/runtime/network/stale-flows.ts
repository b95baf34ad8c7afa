import { networkInterfaces } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import type { Flow } from './conntrack.ts';
import type { TablePort } from './table.ts';

type Ports = ReadonlyMap<string, TablePort>;

/** Which tracked UDP flows to ports of this host lead to a container that their port has left; null where no port has changed. */
export function staleFlows(before: Ports, after: Ports): ((flow: Flow) => boolean) | null {
  const addresses = (port: TablePort | undefined): readonly string[] => (port?.backends ?? []).map((one) => one.address);
  const changed = [...new Map([...before, ...after])].filter(([key, port]) => port.protocol === 'udp' && before.get(key) !== after.get(key)
    && !isDeepStrictEqual(addresses(before.get(key)), addresses(after.get(key))));
  if (changed.length === 0) return null;
  const local = new Set(Object.values(networkInterfaces()).flatMap((list) => list ?? []).map((one) => one.address));
  return (flow) => local.has(flow.to) && changed.some(([key, port]) => port.port === flow.port
    && (port.hostIp === '' || port.hostIp === flow.to) && !addresses(after.get(key)).includes(flow.answersFrom));
}
