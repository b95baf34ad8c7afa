import type { IpamPool, Network } from '../state/network.ts';
import { prefixOf } from '../state/network-pool.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { sendJson } from './answer.ts';
import { rfc3339 } from './docker-time.ts';
import type { EngineView } from './engine-view.ts';
import { param, type Exchange } from './exchange.ts';
import { anyMatches, labelsMatch, parseFilters } from './filters.ts';

/** `GET /networks` */
export async function listNetworks({ engine, query, response }: Exchange): Promise<void> {
  const filters = parseFilters(query.get('filters'), ['name', 'id', 'label', 'driver', 'scope', 'type', 'dangling']);
  const found = [...engine.networks.list()].filter(([name, { spec, status }]) => labelsMatch(spec.labels, filters.get('label'))
    && anyMatches(filters.get('name'), (wanted) => name.includes(wanted))
    && anyMatches(filters.get('id'), (id) => status !== null && status.id.startsWith(id))
    && anyMatches(filters.get('driver'), (driver) => spec.driver === driver));
  sendJson(response, 200, found.map(([name, network]) => networkJson(name, network)));
}

/** `GET /networks/{id}`, by name, id or unambiguous prefix of the id. */
export async function inspectNetwork(exchange: Exchange): Promise<void> {
  const ref = param(exchange, 'id');
  const all = [...exchange.engine.networks.list()];
  const byPrefix = all.filter(([, { status }]) => ref !== '' && status !== null && status.id.startsWith(ref));
  const found = all.find(([name]) => name === ref) ?? (byPrefix.length === 1 ? byPrefix[0] : undefined);
  if (found === undefined) throw new BayplanError('not-found', `network ${ref} not found`);
  sendJson(exchange.response, 200, { ...networkJson(...found), Containers: members(exchange.engine, found[0], found[1]) });
}

function networkJson(name: string, { spec, status }: Network): object {
  return {
    Name: name, Id: status?.id ?? '', Created: rfc3339(status?.createdAt ?? 0), Scope: 'local', Driver: spec.driver, EnableIPv4: true, EnableIPv6: spec.ipv6,
    IPAM: { Driver: 'default', Options: null, Config: (status?.pools ?? []).map(poolJson) },
    Internal: spec.internal, Attachable: spec.attachable, Ingress: false, ConfigFrom: { Network: '' }, ConfigOnly: false, Containers: {}, Options: spec.options, Labels: spec.labels,
  };
}

function poolJson({ subnet, gateway, ipRange, auxAddresses }: IpamPool): object {
  return { Subnet: subnet, ...(ipRange === '' ? {} : { IPRange: ipRange }), Gateway: gateway, ...(Object.keys(auxAddresses).length === 0 ? {} : { AuxiliaryAddresses: auxAddresses }) };
}

function members(engine: EngineView, network: string, { status: of }: Network): object {
  const withPrefix = (address: string | undefined): string => (address === undefined || address === '' ? '' : `${address}/${prefixOf(of, address)}`);
  return Object.fromEntries([...engine.containers.list()].flatMap(([name, { status }]) => {
    const address = status?.phase === 'running' ? status.addresses[network] : undefined;
    if (status === null || address === undefined) return [];
    return [[status.id, { Name: name, EndpointID: '', MacAddress: '', IPv4Address: withPrefix(address), IPv6Address: withPrefix(status.ipv6Addresses[network]) }]];
  }));
}
